package httpsystem_test

import (
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"reprise/pkg/gateway"
	"reprise/pkg/gateway/gatewaytest"
	"reprise/pkg/gateway/httpsystem"
	"reprise/pkg/gateway/standin/standintest"
)

// behindTLS puts a handler behind TLS and returns a System for a path there. Its server
// offers HTTP/2 if asked to; the test fails if a call of a path comes in another version of
// HTTP than want says.
func behindTLS(t *testing.T, handler http.Handler, http2 bool, want func(path string) int) func(string) gateway.System {
	t.Helper()
	var others atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != want(r.URL.Path) {
			others.Add(1)
		}
		handler.ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = http2
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // calls that end break connections
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		if n := others.Load(); n > 0 {
			t.Errorf("%d calls came in another version of HTTP", n)
		}
	})
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return func(path string) gateway.System {
		system, err := httpsystem.New(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		system.Trust(roots)
		return system
	}
}

// What is true of a call over HTTP/1.1 in the clear is true over TLS in both versions, in
// which calls share connections in other ways. What may happen once only has a connection
// of its own, and so is made over HTTP/1.1.
func TestTheSuiteOfSystemsBehindTLS(t *testing.T) {
	for name, c := range map[string]struct{ http2, atMostOnce bool }{
		"HTTP/1.1, repeatable":   {false, false},
		"HTTP/2, repeatable":     {true, false},
		"HTTP/1.1, at most once": {false, true},
		"HTTP/2, at most once":   {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			gatewaytest.Run(t, func(t *testing.T) gatewaytest.Subject {
				server := standintest.Start(t)
				at := behindTLS(t, server, c.http2, func(path string) int {
					if c.http2 && !(c.atMostOnce && strings.HasPrefix(path, "/payments")) {
						return 2
					}
					return 1
				})
				return subject(t, server, both{at("/payments"), at("/rates")}, c.atMostOnce)
			})
		})
	}
}
