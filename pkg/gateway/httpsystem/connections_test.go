package httpsystem_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reprise/pkg/gateway"
	"reprise/pkg/gateway/httpsystem"
	"reprise/pkg/gateway/standin"
	"reprise/pkg/gateway/standin/standintest"
)

// Who waits in vain for a connection that others use was not sent, and the system is not
// called silent for it: package effects would leave it alone for a while.
func TestACrowdIsNoSilence(t *testing.T) {
	server := standintest.Start(t)
	server.Behave("", standin.Mood{Stall: true})
	systems, err := httpsystem.Systems(server.Endpoints())
	if err != nil {
		t.Fatal(err)
	}
	do := func(ctx context.Context, key string) error {
		_, err := systems["payments"].Do(ctx, &gateway.Request{Call: &charge, Key: key, Body: []byte(`{}`)})
		return err
	}
	const connections = 128
	crowd, disperse := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for i := range connections {
		group.Go(func() { _ = do(crowd, fmt.Sprint(i)) })
	}
	defer group.Wait()
	defer disperse()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(time.Minute); len(server.Books().Deeds) < connections; <-tick.C {
		if time.Now().After(late) {
			t.Fatalf("%d calls came", len(server.Books().Deeds))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = do(ctx, "one too many")
	if !errors.Is(err, gateway.ErrNotSent) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if _, came := server.Books().Deeds["one too many"]; came {
		t.Error("the call came")
	}
}

// A pooled connection may have been closed meanwhile, which leaves a call in doubt, so what
// may happen once only gets one of its own.
func TestConnectionsAreKeptButForWhatMayHappenOnceOnly(t *testing.T) {
	for atMostOnce, want := range map[bool]int64{false: 1, true: 5} {
		var opened atomic.Int64
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{}`))
		}))
		server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				opened.Add(1)
			}
		}
		server.Start()
		system, err := httpsystem.New(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		call := charge
		call.AtMostOnce = atMostOnce
		for range 5 {
			if _, err := system.Do(t.Context(), &gateway.Request{Call: &call, Key: "k"}); err != nil {
				t.Error(err)
			}
		}
		server.Close()
		if opened.Load() != want {
			t.Errorf("at most once %t: %d connections, want %d", atMostOnce, opened.Load(), want)
		}
	}
}
