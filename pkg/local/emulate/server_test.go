package emulate

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"reprise/pkg/api/intake"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/feed"
)

// serve serves a handler with short time limits and returns its address.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := Server(h, nil, slog.New(slog.DiscardHandler))
	if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.WriteTimeout == 0 ||
		server.IdleTimeout == 0 || server.MaxHeaderBytes == 0 {
		t.Errorf("a limit is missing: %+v", server)
	}
	server.ReadHeaderTimeout, server.ReadTimeout = 50*time.Millisecond, 100*time.Millisecond
	return serveOn(t, server)
}

// serveOn runs a server until the test ends and returns its address.
func serveOn(t *testing.T, server *http.Server) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- ServeUntil(ctx, server, listener, time.Millisecond, func() {}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return listener.Addr().String()
}

// forbidden is a stream that nothing may use.
type forbidden struct {
	feed.Stream
	t *testing.T
}

func (s forbidden) Put(context.Context, string, []byte) (string, error) {
	s.t.Error("a part of a request was put")
	return "", errors.New("forbidden")
}

func TestSlowRequestIsCutOffAndNeverHandedOn(t *testing.T) {
	codec, err := record.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(codec.Close)
	lanes, err := event.NewLanes(1)
	if err != nil {
		t.Fatal(err)
	}
	load := &intake.Load{Stream: forbidden{t: t}, Codec: codec, Lanes: lanes, Log: slog.New(slog.DiscardHandler)}
	address := serve(t, load.Handler())
	for name, part := range map[string]string{
		"in the header": "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-",
		"in the body": "POST /events HTTP/1.1\r\nHost: localhost\r\n" +
			"Content-Type: application/cloudevents+json\r\nContent-Length: 1000\r\n\r\n" +
			`{"specversion":"1.0","id":"0","source":"/s","type":"t","subject":"e"}`,
	} {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(connection, part); err != nil {
			t.Fatal(err)
		}
		// The client sends nothing more and waits. The server ends the
		// connection.
		if resp, err := http.ReadResponse(bufio.NewReader(connection), nil); err == nil && resp.StatusCode < 400 {
			t.Errorf("slow %s: %d", name, resp.StatusCode)
		}
		_ = connection.Close()
	}
}

func TestOnlyThisMachineIsServed(t *testing.T) {
	handler := Server(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	}), nil, slog.New(slog.DiscardHandler)).Handler
	for _, c := range []struct {
		host, origin string
		status       int
	}{
		{"localhost:8080", "", http.StatusTeapot},
		{"127.0.0.1", "http://[::1]:3000", http.StatusTeapot},
		{"rebound.example:8080", "", http.StatusForbidden},
		{"localhost:8080", "https://elsewhere.example", http.StatusForbidden},
		{"localhost:8080", "null", http.StatusForbidden},
	} {
		r := httptest.NewRequest(http.MethodGet, "/lanes", http.NoBody)
		r.Host = c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		if recorder.Code != c.status {
			t.Errorf("%+v: %d %s", c, recorder.Code, recorder.Body)
		}
	}
}
