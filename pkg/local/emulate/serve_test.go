package emulate

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// piped is a listener whose connections are pipes, so that a test needs no real time.
type piped struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newPiped() *piped { return &piped{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (l *piped) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *piped) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *piped) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (l *piped) dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

// A browser opens connections that it may never use. A server that ends waits for what
// was asked, and not for them.
func TestAConnectionWithoutARequestDelaysNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const work = time.Second
		listener, handler := newPiped(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(work)
			w.WriteHeader(http.StatusNoContent)
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- ServeUntil(ctx, &http.Server{Handler: handler}, listener, time.Hour, func() {}) }()
		idle, asking := listener.dial(), listener.dial()
		defer func() { _, _ = idle.Close(), asking.Close() }()
		if _, err := asking.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		began := time.Now()
		cancel()
		answer := make([]byte, 128)
		n, err := asking.Read(answer)
		if err != nil || string(answer[:min(n, 12)]) != "HTTP/1.1 204" {
			t.Errorf("the request was answered with %q, %v", answer[:n], err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < work || took > 2*work {
			t.Errorf("the server ended after %v, its only request after %v", took, work)
		}
	})
}

// A server that may have no further connection gives up the one that has been idle for
// longest, and none that works on a request.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan struct{})
		server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				<-proceed
			}
		})}
		listener := newPiped()
		all := boundedConnections(listener, 2)
		server.ConnState = all.note
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(all) }()
		ask := func(c net.Conn, path string) {
			t.Helper()
			if _, err := c.Write([]byte("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
		}
		answered := func(c net.Conn) bool {
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
		}
		first, second := listener.dial(), listener.dial()
		defer func() { _, _ = first.Close(), second.Close() }()
		ask(second, "/")
		if !answered(second) {
			t.Fatal("no answer")
		}
		ask(first, "/slow")
		synctest.Wait()
		third := listener.dial()
		defer func() { _ = third.Close() }()
		ask(third, "/slow")
		if answered(second) {
			t.Error("the idle connection is open")
		}
		go func() { close(proceed) }()
		// Both are idle after their answers; a fourth gets the place of one.
		if !answered(first) || !answered(third) {
			t.Error("a connection with a request was given up")
		}
		synctest.Wait()
		fourth := listener.dial()
		defer func() { _ = fourth.Close() }()
		ask(fourth, "/")
		if !answered(fourth) {
			t.Error("the fourth was not answered")
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// A client that waits while every connection works on a request gets the place of the
// first that has been answered.
func TestAWaitingClientGetsTheNextPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := newPiped()
		l := boundedConnections(inner, 1)
		go func() { inner.conns <- pipeEnd() }()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		l.note(c, http.StateActive)
		accepted := make(chan error, 1)
		go func() {
			_, err := l.Accept()
			accepted <- err
		}()
		synctest.Wait()
		go func() { inner.conns <- pipeEnd() }()
		l.note(c, http.StateIdle)
		if err := <-accepted; err != nil {
			t.Error(err)
		}
		if _, err := c.Write(nil); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the idle connection is open: %v", err)
		}
	})
}

func pipeEnd() net.Conn {
	_, server := net.Pipe()
	return server
}
