package localtest

import (
	"context"
	"net"
	"testing"

	"reprise/pkg/local"
)

// Platform is a platform that runs on its own loopback port.
type Platform struct {
	*local.Platform
	*Client
	stop func()
}

// Whole skips a test with -short, since it runs a whole platform.
func Whole(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a whole platform")
	}
}

// Start runs a platform on a directory until the test ends or Stop is called. With -short
// it skips the test.
func Start(t testing.TB, options local.Options) *Platform {
	t.Helper()
	Whole(t)
	p, err := local.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx, listener, func() {}) }()
	running := &Platform{Platform: p, Client: &Client{T: t, URL: "http://" + listener.Addr().String()}}
	running.stop = func() {
		running.stop = func() {}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	t.Cleanup(func() { running.stop() })
	return running
}

// Stop ends the platform as SIGTERM does. It may be called repeatedly.
func (p *Platform) Stop() { p.stop() }
