package emulate

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"reprise/pkg/api/web"
)

// serveGate serves a handler with the usual time limits.
func serveGate(t *testing.T, h http.HandlerFunc, hold Hold) string {
	t.Helper()
	return serveOn(t, Server(h, hold, slog.New(slog.DiscardHandler)))
}

// request makes a request and returns its status and body.
func request(ctx context.Context, address string, body io.Reader) (int, []byte, error) {
	method := http.MethodPost
	if body == nil {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+address+"/events", body)
	if err != nil {
		return 0, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, text, err
}

// dial opens a connection that is closed at the end of the test, and sends the
// beginning of a request.
func dial(t *testing.T, address, begin string) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	if _, err := io.WriteString(connection, begin); err != nil {
		t.Fatal(err)
	}
	return connection
}

func TestSlowBodiesHoldUpNobody(t *testing.T) {
	address := serveGate(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}, nil)
	for range 50 {
		dial(t, address, fmt.Sprintf(
			"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n[", web.MaxBodyBytes))
	}
	want := strings.Repeat("a body larger than any first buffer\n", 10_000)
	status, text, err := request(t.Context(), address, strings.NewReader(want))
	if err != nil || status != http.StatusOK || string(text) != want {
		t.Errorf("%d, %d bytes, %v", status, len(text), err)
	}
}

// TestAnswersThatNobodyTakesHoldUpNobody lets more clients than there are slots
// request a large answer and not read it.
func TestAnswersThatNobodyTakesHoldUpNobody(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 6<<20)
	address := serveGate(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/large" {
			_, _ = w.Write(large)
		}
	}, nil)
	refused := 0
	for range 3 * readsAtOnce {
		c := dial(t, address, "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReaderSize(c, 16), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == http.StatusServiceUnavailable {
			refused++
		}
	}
	if refused == 0 {
		t.Error("answers that nobody takes are not bounded")
	}
	if status, _, err := request(t.Context(), address, nil); err != nil || status != http.StatusOK {
		t.Errorf("another request: %d %v", status, err)
	}
}

// TestBodiesShareABound lets the handler hold more large requests than may be
// in memory, and sends one more.
func TestBodiesShareABound(t *testing.T) {
	const fit = bodiesBytes / web.MaxBodyBytes
	held, let := make(chan struct{}, 2*fit), make(chan struct{})
	address := serveGate(t, func(http.ResponseWriter, *http.Request) {}, func(r *http.Request) *web.Problem {
		if r.ContentLength > uncounted {
			held <- struct{}{}
			<-let
		}
		return nil
	})
	large := bytes.Repeat([]byte("x"), web.MaxBodyBytes)
	answered := make(chan error, fit+1)
	ask := func(ctx context.Context) {
		status, _, err := request(ctx, address, bytes.NewReader(large))
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		answered <- err
	}
	for range fit {
		go ask(t.Context())
		<-held
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if ask(ctx); !errors.Is(<-answered, context.DeadlineExceeded) || len(held) > 0 {
		t.Error("one more body than fits was read")
	}
	if status, _, err := request(t.Context(), address, strings.NewReader("small")); err != nil || status != http.StatusOK {
		t.Errorf("a small body waits for large ones: %d %v", status, err)
	}
	close(let)
	for range fit {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}

// TestMoreReadsThanFitWait fills every slot of reading requests. Another one
// must wait until one of them ends; a request with events must not.
func TestMoreReadsThanFitWait(t *testing.T) {
	began, end := make(chan struct{}, readsAtOnce+1), make(chan struct{})
	address := serveGate(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			began <- struct{}{}
			<-end
		}
	}, nil)
	answered := make(chan error, readsAtOnce+1)
	ask := func(ctx context.Context) {
		_, _, err := request(ctx, address, nil)
		answered <- err
	}
	for range readsAtOnce {
		go ask(t.Context())
		<-began
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if ask(ctx); !errors.Is(<-answered, context.DeadlineExceeded) || len(began) > 0 {
		t.Error("one more request than fits was let in")
	}
	if status, _, err := request(t.Context(), address, strings.NewReader("[]")); err != nil || status != http.StatusOK {
		t.Errorf("a request with events waits for those that read: %d %v", status, err)
	}
	close(end)
	for range readsAtOnce {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}

func TestHeldRequestIsRefusedByItsProblem(t *testing.T) {
	address := serveGate(t, func(http.ResponseWriter, *http.Request) {
		t.Error("a refused request was handed on")
	}, func(*http.Request) *web.Problem { return web.Busy("wait") })
	status, text, err := request(t.Context(), address, strings.NewReader("[]"))
	if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(string(text), `"detail":"wait"`) {
		t.Errorf("%d %s %v", status, text, err)
	}
}

// TestFlushedAnswersArriveAtOnce reads the parts of answers that never end,
// from more handlers than run at the same time.
func TestFlushedAnswersArriveAtOnce(t *testing.T) {
	address := serveGate(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		for part := range 2 {
			if _, err := fmt.Fprintf(w, "part %d\n", part); err != nil {
				t.Error(err)
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}
		<-r.Context().Done()
	}, nil)
	for range readsAtOnce + 1 {
		c := dial(t, address, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		want := "part 0\npart 1\n"
		text := make([]byte, len(want))
		if _, err := io.ReadFull(resp.Body, text); err != nil || string(text) != want ||
			resp.StatusCode != http.StatusAccepted {
			t.Errorf("%d %q %v", resp.StatusCode, text, err)
		}
	}
}

func TestConnectionsAreCapped(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := boundedConnections(inner, 1)
	accepted := make(chan net.Conn)
	ended := make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	dial(t, inner.Addr().String(), "")
	first := <-accepted
	dial(t, inner.Addr().String(), "")
	select {
	case <-accepted:
		t.Error("a connection above the cap was accepted")
	case <-time.After(20 * time.Millisecond):
	}
	_ = first.Close()
	_ = first.Close() // gives back one slot only
	_ = (<-accepted).Close()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
