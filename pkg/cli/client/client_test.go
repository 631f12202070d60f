package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/web"
	"reprise/pkg/cli/client"
	"reprise/pkg/replay"
)

// clock advances only in sleeps.
type clock struct {
	at     time.Time
	sleeps []time.Duration
}

func (c *clock) now() time.Time { return c.at }

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.at = c.at.Add(d)
	c.sleeps = append(c.sleeps, d)
	return ctx.Err()
}

func connect(t *testing.T, serve http.HandlerFunc, patience time.Duration) (*client.Client, *clock) {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	time := &clock{}
	c, err := client.New(client.Options{Endpoint: server.URL + "/", Patience: patience, Now: time.now, Sleep: time.sleep,
		Random: func() float64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	return c, time
}

// cut closes a connection without an answer.
func cut(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = connection.Close()
	}
}

func TestFailuresThatPassAreRetried(t *testing.T) {
	for name, fail := range map[string]func(w http.ResponseWriter){
		"429":             func(w http.ResponseWriter) { w.WriteHeader(http.StatusTooManyRequests) },
		"500":             func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"502":             func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
		"503":             func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		"cut connections": cut,
		"cut answers": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		},
	} {
		var calls atomic.Int32
		c, clock := connect(t, func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) <= 4 {
				fail(w)
				return
			}
			_, _ = w.Write([]byte(`{"accepted":1,"lanes":[]}`))
		}, time.Minute)
		accepted, err := c.Send(t.Context(), []byte("[]"), false)
		if err != nil || accepted.Accepted != 1 || calls.Load() != 5 {
			t.Errorf("%s: %+v, %v after %d calls", name, accepted, err, calls.Load())
		}
		for i := 1; i < len(clock.sleeps); i++ {
			if clock.sleeps[i] < clock.sleeps[i-1] {
				t.Errorf("%s: sleeps %v do not grow", name, clock.sleeps)
			}
		}
	}
}

func TestRetriesHaveAnEnd(t *testing.T) {
	c, clock := connect(
		t,
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		10*time.Second,
	)
	_, err := c.Status(t.Context())
	var told *web.Problem
	if !errors.As(err, &told) || told.Status != http.StatusBadGateway ||
		!strings.Contains(err.Error(), "502 Bad Gateway") {
		t.Errorf("got %v", err)
	}
	if waited := clock.at.Sub(time.Time{}); waited < 10*time.Second || waited > 20*time.Second {
		t.Errorf("waited %s", waited)
	}
}

func TestRetryAfterIsHeeded(t *testing.T) {
	for header, want := range map[string]time.Duration{"7": 7 * time.Second, "100000": 30 * time.Second,
		"Mon, 01 Jan 0001 00:00:09 GMT": 9 * time.Second} {
		first := true
		c, clock := connect(t, func(w http.ResponseWriter, _ *http.Request) {
			if first {
				first = false
				w.Header().Set("Retry-After", header)
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			_, _ = w.Write([]byte("{}"))
		}, time.Minute)
		if _, err := c.Lanes(t.Context()); err != nil || len(clock.sleeps) != 1 || clock.sleeps[0] != want {
			t.Errorf("Retry-After %s: %v after %v", header, err, clock.sleeps)
		}
	}
}

func TestWhatCannotPassIsNotRetried(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
	}{
		{400, `{"type":"urn:reprise:problem:invalid-event","status":400,"detail":"bad","event":3}`},
		{404, `nothing`},
		{503, `{"type":"urn:reprise:problem:generation-lost","status":503,"detail":"lost"}`},
		{301, ``},
	} {
		calls := 0
		client, _ := connect(t, func(w http.ResponseWriter, _ *http.Request) {
			calls++
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}, time.Minute)
		_, err := client.Entity(t.Context(), "a")
		var told *web.Problem
		if !errors.As(err, &told) || told.Status != c.status || calls != 1 {
			t.Errorf("%d: %v after %d calls", c.status, err, calls)
		}
	}
}

func TestOtherServersAreNoticed(t *testing.T) {
	c, _ := connect(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>hello")) }, time.Minute)
	if _, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "platform's address") {
		t.Errorf("got %v", err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	clock := &clock{}
	c, err := client.New(client.Options{Endpoint: server.URL, Now: clock.now, Sleep: clock.sleep})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Status(t.Context())
	var gone *client.Unreachable
	if !errors.As(err, &gone) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Status(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("at the end of the context: %v", err)
	}
}

func TestEndpointsAreURLs(t *testing.T) {
	for _, endpoint := range []string{
		"", "127.0.0.1:8787", "localhost:1", "ftp://x", "http://", "http://x?y", "http://%zz",
	} {
		if _, err := client.New(client.Options{Endpoint: endpoint}); err == nil {
			t.Errorf("%q is accepted", endpoint)
		}
	}
}

func TestRequestsAreThoseOfTheAPI(t *testing.T) {
	var seen []string
	c, _ := connect(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.URL.RequestURI())
		_, _ = w.Write([]byte("{}"))
	}, time.Minute)
	ctx := t.Context()
	for _, call := range []func() error{
		func() error { _, err := c.Send(ctx, nil, false); return err },
		func() error { _, err := c.Send(ctx, nil, true); return err },
		func() error { _, err := c.Entity(ctx, "a/b?c"); return err },
		func() error { _, err := c.History(ctx, "a", "x y", 5); return err },
		func() error { _, err := c.Rows(ctx, "g0001", 3, "", 9); return err },
		func() error { _, err := c.Parked(ctx, "g0001", "too small", "3"); return err },
		func() error { _, err := c.Skip(ctx, "a", entities.SkipRequest{}); return err },
		func() error { _, err := c.Quarantine(ctx, "1"); return err },
		func() error { _, err := c.Playback(ctx, 3, "r1", "", true); return err },
		func() error { _, err := c.Playback(ctx, 0, "", "0.1.2", true); return err },
		func() error { _, err := c.Lanes(ctx); return err },
		func() error { _, err := c.Status(ctx); return err },
		func() error { _, err := c.Generations(ctx); return err },
		func() error { return c.Replays(ctx, nil) },
		func() error { _, err := c.Replay(ctx, "r1"); return err },
		func() error { _, err := c.StartReplay(ctx, "r1", replay.Request{}); return err },
		func() error { _, err := c.CancelReplay(ctx, "r1"); return err },
		func() error { _, err := c.Wipe(ctx, "g0001"); return err },
	} {
		if err := call(); err != nil {
			t.Error(err)
		}
	}
	want := `POST /events
POST /imports
GET /entities/YS9iP2M
GET /entities/YQ/events?after=x+y&limit=5
GET /rows?generation=g0001&lane=3&limit=9
GET /parked?after=3&generation=g0001&reason=too+small
POST /entities/YQ/skip
GET /quarantine?after=1&limit=1000
GET /playback?from=now&replay=r1&shard=3
GET /playback?after=0.1.2&shard=0
GET /lanes
GET /status
GET /generations
GET /replays?limit=200
GET /replays/r1
POST /replays
POST /replays/r1/cancel
POST /state/wipe`
	if got := strings.Join(seen, "\n"); got != want {
		t.Errorf("got\n%s", got)
	}
	// Each route of the API belongs to a group, which has a policy on AWS.
	routes := http.NewServeMux()
	for _, route := range slices.Concat(api.Routes(), api.LocalRoutes()) {
		routes.Handle(route.Pattern, http.NotFoundHandler())
	}
	for _, line := range seen {
		method, path, _ := strings.Cut(line, " ")
		if _, pattern := routes.Handler(httptest.NewRequest(method, path, http.NoBody)); pattern == "" {
			t.Errorf("%s is no route of the API", line)
		}
	}
}
