package emulate

import (
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"reprise/pkg/api/web"
)

// The limits of a request: those of an HTTP API if it has one (30 s).
const (
	maxHeaderBytes = 32 << 10
	headerTimeout  = 5 * time.Second
	requestTimeout = 30 * time.Second
	idleTimeout    = 2 * time.Minute
)

// Hold makes a request wait before it is handed on. It returns a problem to
// refuse the request instead.
type Hold func(*http.Request) *web.Problem

// Server returns a server of h for clients on this machine; it answers other
// requests with 403. The package documentation says how requests share the memory.
// A nil hold lets every request pass.
func Server(h http.Handler, hold Hold, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           onlyThisMachine(newGate(h, hold)),
		MaxHeaderBytes:    maxHeaderBytes,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func onlyThisMachine(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fromThisMachine(r) {
			web.Forbid(w)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// fromThisMachine returns false for requests from other sites' web pages: of a
// site whose name resolves to this machine (DNS rebinding), or cross-origin, or that
// would write without being the user's own doing. Browsers say in Sec-Fetch-Site where
// a request comes from; other clients send no such header.
func fromThisMachine(r *http.Request) bool {
	if !IsLoopback(r.Host) {
		return false
	}
	site, reads := r.Header.Get("Sec-Fetch-Site"), r.Method == http.MethodGet || r.Method == http.MethodHead
	if !reads && site != "" && site != "same-origin" && site != "none" {
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
