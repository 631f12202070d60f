package api_test

import (
	"bufio"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/local/emulate"
	"reprise/pkg/replay"
)

// liveWorld serves a live feed whose ticks the test makes.
type liveWorld struct {
	*apiWorld
	live          *api.Live
	server        *httptest.Server
	ticks         chan time.Time
	looks, writes atomic.Int64
	producers     atomic.Int64
}

func newLiveWorld(t *testing.T) *liveWorld {
	w := &liveWorld{apiWorld: newAPIWorld(t), ticks: make(chan time.Time)}
	w.live = &api.Live{
		Look:   func(see func(*api.API) error) error { w.looks.Add(1); return see(w.api) },
		Writes: func() uint64 { return uint64(w.writes.Load()) },
		Tick: func() (<-chan time.Time, func()) {
			w.producers.Add(1)
			return w.ticks, func() { w.producers.Add(-1) }
		},
		Log: slog.New(slog.DiscardHandler),
	}
	w.server = httptest.NewUnstartedServer(nil)
	w.server.Config = emulate.Server(w.live, nil, slog.New(slog.DiscardHandler))
	w.server.Config.WriteTimeout = 50 * time.Millisecond
	w.server.Config.ReadTimeout = 50 * time.Millisecond
	w.server.Start()
	t.Cleanup(func() { w.live.Close(); w.server.Close() })
	return w
}

// tick lets the producer look again.
func (w *liveWorld) tick() {
	w.t.Helper()
	select {
	case w.ticks <- time.Now():
	case <-time.After(10 * time.Second):
		w.t.Fatal("nobody looks any more")
	}
}

// liveFeed is what one client gets.
type liveFeed struct {
	t     *testing.T
	lines *bufio.Scanner
	leave context.CancelFunc
}

func (w *liveWorld) watch() *liveFeed {
	w.t.Helper()
	ctx, leave := context.WithCancel(w.t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server.URL+"/live", http.NoBody)
	must(w.t, err)
	answer, err := http.DefaultClient.Do(r)
	must(w.t, err)
	w.t.Cleanup(func() { leave(); _ = answer.Body.Close() })
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		w.t.Fatalf("%d %v", answer.StatusCode, answer.Header)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	return &liveFeed{w.t.(*testing.T), lines, leave}
}

// next returns the data of the next event of a kind.
func (f *liveFeed) next(kind string) string {
	f.t.Helper()
	for f.lines.Scan() {
		if f.lines.Text() == "event: "+kind && f.lines.Scan() {
			return strings.TrimPrefix(f.lines.Text(), "data: ")
		}
	}
	f.t.Fatalf("the feed ended before an event %s: %v", kind, f.lines.Err())
	return ""
}

func TestLiveFeedTellsWhatChanges(t *testing.T) {
	w := newLiveWorld(t)
	f := w.watch()
	if got := f.next("replays"); got != `{"replays":[]}` {
		t.Errorf("at first: %s", got)
	}
	_, _, err := w.store.Create(t.Context(), "r1", replay.Request{})
	must(t, err)
	w.writes.Add(1)
	w.tick()
	if got := f.next("replays"); !strings.Contains(got, `"id":"r1"`) || !strings.Contains(got, `"RUNNING"`) {
		t.Errorf("after the start: %s", got)
	}
	_, _, err = w.store.End(t.Context(), "r1", replay.Succeeded, nil, nil)
	must(t, err)
	w.writes.Add(1)
	w.tick()
	if got := f.next("replays"); !strings.Contains(got, `"SUCCEEDED"`) {
		t.Errorf("after the end: %s", got)
	}
	later := w.watch()
	if got := later.next("status"); !strings.Contains(got, `"consumers"`) {
		t.Errorf("who comes later gets %s", got)
	}
}

// Ten watchers cost what one does, and nothing is read while nothing was written, or
// nobody watches.
func TestLiveFeedReadsOnceForAll(t *testing.T) {
	w := newLiveWorld(t)
	feeds := make([]*liveFeed, 10)
	for i := range feeds {
		feeds[i] = w.watch()
		feeds[i].next("replays")
	}
	looks := w.looks.Load()
	for range 9 {
		w.tick()
	}
	if now := w.looks.Load(); now != looks || w.producers.Load() != 1 {
		t.Errorf("%d looks at a platform that writes nothing, by %d producers", now-looks, w.producers.Load())
	}
	for _, f := range feeds {
		f.leave()
	}
	for w.producers.Load() != 0 {
		select {
		case <-t.Context().Done():
			t.Fatal("the producer goes on without watchers")
		default:
		}
	}
}

// A feed outlasts the server's limits on requests and answers, and ends when the
// platform does.
func TestLiveFeedLastsUntilThePlatformEnds(t *testing.T) {
	w := newLiveWorld(t)
	f := w.watch()
	f.next("replays")
	for end := time.Now().Add(150 * time.Millisecond); time.Now().Before(end); {
		w.tick()
	}
	_, _, err := w.store.Create(t.Context(), "late", replay.Request{})
	must(t, err)
	w.writes.Add(1)
	w.tick()
	if got := f.next("replays"); !strings.Contains(got, `"late"`) {
		t.Errorf("after the limits: %s", got)
	}
	w.live.Close()
	for f.lines.Scan() { // what was still on its way
	}
	if err := f.lines.Err(); err != nil {
		t.Errorf("the feed was cut off: %v", err)
	}
	answer, err := http.Get(w.server.URL + "/live")
	must(t, err)
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a feed begins after the end: %d", answer.StatusCode)
	}
}
