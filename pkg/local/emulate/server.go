package emulate

import (
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"reprise/pkg/api"
)

// The limits of a request: those of an HTTP API if it has one (30 s).
const (
	maxHeaderBytes = 32 << 10
	headerTimeout  = 5 * time.Second
	requestTimeout = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	// requestsAtOnce limits concurrent requests, since a body takes several
	// times its size in memory until its events are put. Further requests wait.
	requestsAtOnce = 6
)

// Server returns a server of h for clients on this machine; it answers other
// requests with 403. h gets at most requestsAtOnce concurrent requests.
func Server(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           guarded(h),
		MaxHeaderBytes:    maxHeaderBytes,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func guarded(h http.Handler) http.Handler {
	slots := make(chan struct{}, requestsAtOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fromThisMachine(r) {
			api.Forbid(w)
			return
		}
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			h.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

// fromThisMachine returns false for requests from other sites' web pages: of a
// site whose name resolves to this machine (DNS rebinding), or cross-origin.
func fromThisMachine(r *http.Request) bool {
	if !IsLoopback(r.Host) {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	parsed, err := url.Parse(origin)
	return err == nil && IsLoopback(parsed.Host)
}

// IsLoopback reports whether an address, with or without a port, is a loopback
// address.
func IsLoopback(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = strings.Trim(hostPort, "[]")
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
