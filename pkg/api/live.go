package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"reprise/pkg/api/trail"
	"reprise/pkg/api/web"
	"reprise/pkg/replay/lifecycle"
)

// routeLive is served by a platform on one machine only: on AWS an HTTP API ends each
// answer after 30 s.
const routeLive = "GET /live"

// routeSamples is served where routeLive is.
const routeSamples = "GET /replays/{id}/samples"

// How often a live feed does what, in ticks.
const (
	// LiveTick is the time between two ticks.
	LiveTick    = 500 * time.Millisecond
	ticksStatus = 4
	ticksBeat   = 10
	// ticksIdle is how often everything is read although nothing was written: the
	// lag of a consumer that stands still grows.
	ticksIdle = 20
	// ticksSample is how often a replay that runs is sampled.
	ticksSample = 4
)

const (
	maxWatchers = 64
	// liveWrite bounds one write to a watcher, in place of the server's limit on whole
	// answers.
	liveWrite = 10 * time.Second
)

// Live serves GET /live: server-sent events that say what changes. One producer reads
// for all watchers, and only while there are any. A watcher that is slow gets the newest
// event of each kind and misses those in between. While Sample runs, it also keeps how
// the replays went, which GET /replays/{id}/samples answers. Live is safe for concurrent
// use; it must not be copied.
type Live struct {
	// Look calls see with the API as it is at present, which see may not keep.
	Look func(see func(*API) error) error
	// Writes counts what the platform has written: while it stays the same, nothing is
	// read.
	Writes func() uint64
	// Tick starts a ticker of LiveTick. It returns its ticks and what ends it.
	Tick func() (ticks <-chan time.Time, stop func())
	Log  *slog.Logger

	turn     sync.Mutex // orders the begin and end of producers
	end      func()
	mu       sync.Mutex
	watchers map[*watcher]struct{}
	newest   map[string][]byte // by kind
	closing  chan struct{}
	closed   bool
	trail    trail.Trail
}

// watcher is one who watches. pending has the newest event of each kind that it has not
// got yet.
type watcher struct {
	pending map[string][]byte
	ready   chan struct{}
}

// LiveReplays is the data of an event of the kind replays.
type LiveReplays struct {
	// Replays are those that have not ended, at most maxRunning, and those that have
	// just ended.
	Replays []lifecycle.View `json:"replays"`
}

// kinds are the kinds of events, in the order in which they are sent.
var kinds = []string{"status", "replays", "beat"}

// AddTo adds the routes of l to a mux.
func (l *Live) AddTo(mux *http.ServeMux) {
	mux.Handle(routeLive, l)
	mux.Handle(routeSamples, web.Endpoint{Serve: l.samples, Log: l.Log})
}

// SamplesView is how a replay went, as far as the platform has seen it since it was
// started.
type SamplesView struct {
	Replay string `json:"replay"`
	// Samples are about 2 s apart, or more of a long replay, oldest first.
	Samples []trail.Sample `json:"samples"`
}

func (l *Live) samples(r *http.Request) (web.Reply, error) {
	if err := web.NewQuery(r).Err(); err != nil {
		return web.Reply{}, err
	}
	id := r.PathValue("id")
	err := l.Look(func(a *API) error {
		_, err := a.Viewer.Store.Load(r.Context(), id)
		return err
	})
	return web.Answer(http.StatusOK, SamplesView{Replay: id, Samples: append([]trail.Sample{}, l.trail.Of(id)...)}), err
}

// Close ends every feed, and refuses new ones. The handlers return soon after.
func (l *Live) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.prepare()
	if !l.closed {
		l.closed = true
		close(l.closing)
	}
}

func (l *Live) prepare() {
	if l.watchers == nil {
		l.watchers, l.newest, l.closing = map[*watcher]struct{}{}, map[string][]byte{}, make(chan struct{})
	}
}

// ServeHTTP implements http.Handler. It returns once the client is gone or l is closed.
func (l *Live) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := web.NewQuery(r).Err(); err != nil {
		web.ProblemFor(r, l.Log, err).Write(w)
		return
	}
	me, refused := l.join()
	if refused != nil {
		refused.Write(w)
		return
	}
	defer l.leave(me)
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // where it is not supported there is none
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	send := func(events []byte) error {
		_ = control.SetWriteDeadline(time.Now().Add(liveWrite))
		if _, err := w.Write(events); err != nil {
			return err
		}
		return control.Flush()
	}
	for err := send([]byte(": live\n\n")); err == nil; {
		select {
		case <-r.Context().Done():
			return
		case <-l.closing:
			return
		case <-me.ready:
			err = send(l.take(me))
		}
	}
}

// join adds a watcher, and starts the producer for the first one.
func (l *Live) join() (*watcher, *web.Problem) {
	l.turn.Lock()
	defer l.turn.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.prepare()
	if l.closed || len(l.watchers) == maxWatchers {
		return nil, web.Busy("too many pages watch this platform, or it is about to end: ask again later")
	}
	me := &watcher{pending: map[string][]byte{}, ready: make(chan struct{}, 1)}
	for kind, event := range l.newest {
		me.pending[kind] = event
		me.wake()
	}
	l.watchers[me] = struct{}{}
	if len(l.watchers) == 1 {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			l.produce(ctx)
		}()
		l.end = func() { cancel(); <-ended }
	}
	return me, nil
}

// leave removes a watcher. The last one ends the producer and waits for it.
func (l *Live) leave(me *watcher) {
	l.turn.Lock()
	defer l.turn.Unlock()
	l.mu.Lock()
	delete(l.watchers, me)
	last := len(l.watchers) == 0
	l.mu.Unlock()
	if last {
		l.end()
		l.newest = map[string][]byte{} // what is shown next is read anew
	}
}

func (w *watcher) wake() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

func (l *Live) take(me *watcher) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []byte
	for _, kind := range kinds {
		all = append(all, me.pending[kind]...)
	}
	clear(me.pending)
	return all
}

// publish hands an event to every watcher, unless it says what the one before said.
func (l *Live) publish(kind string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode %s: %w", kind, err)
	}
	event := fmt.Appendf(nil, "event: %s\ndata: %s\n\n", kind, text)
	l.mu.Lock()
	defer l.mu.Unlock()
	if kind != beat && bytes.Equal(l.newest[kind], event) {
		return nil
	}
	if kind != beat {
		l.newest[kind] = event
	}
	for w := range l.watchers {
		w.pending[kind] = event
		w.wake()
	}
	return nil
}
