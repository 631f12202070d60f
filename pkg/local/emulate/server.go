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

// The limits of a request; those of an HTTP API where it has any (30 s).
const (
	maxHeaderBytes = 32 << 10
	headerTimeout  = 5 * time.Second
	requestTimeout = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	// requestsAtOnce bounds the bodies in memory, each of which takes
	// several times its size by the time its events are put. One more waits.
	requestsAtOnce = 6
)

// Server returns a server of h for this machine alone: it answers other requests
// with 403. h gets at most requestsAtOnce requests at a time.
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

// fromThisMachine refuses what a web page of elsewhere would send: one that has
// made its name point here (DNS rebinding), or that posts across origins.
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

// IsLoopback reports whether an address, with a port or without, is one of this
// machine that no other machine reaches.
func IsLoopback(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = strings.Trim(hostPort, "[]")
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
