package projection

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"reprise/pkg/event"
)

// Watch bounds the time that a projection may take for one event. An event that
// takes longer is a runaway: it is rejected (ErrRunaway), which parks its entity.
// The fold cannot be stopped: its goroutine is abandoned with a copy of the event,
// and takes processor time until it returns by itself, or for ever.
//
// This is the one rejection that the projection version does not decide: an
// extremely slow machine may reject an event that another one accepts. So the limit
// has to be far above what any correct projection takes.
type Watch struct {
	// Limit is the least time that a fold must have taken to be a runaway.
	Limit time.Duration
	// Ticks is the number of equal parts of the limit. A part counts only if the
	// process was running at its end, so that a suspension of any length (a laptop
	// asleep, a debugger, a frozen function) counts as one part at most.
	Ticks int
	// Abandoned bounds the runaways of one projection that are still running. At
	// that number the projection is not called any more (ErrManyRunaways).
	Abandoned int
	// Every returns a channel that ticks, and a function that stops the ticks.
	Every func(time.Duration) (<-chan time.Time, func())
}

// DefaultWatch allows ten seconds on the machine's clock.
func DefaultWatch() Watch {
	every := func(d time.Duration) (<-chan time.Time, func()) {
		t := time.NewTicker(d)
		return t.C, t.Stop
	}
	return Watch{Limit: 10 * time.Second, Ticks: 10, Abandoned: 8, Every: every}
}

const (
	// maxKnown bounds the runaways that are remembered. Beyond it the oldest is
	// forgotten, and detected again if its event is retried.
	maxKnown = 1000
	// maxTries bounds the runaways that one attempt detects, and so its time.
	maxTries = 3
)

// runaway is an event from which a projection does not return. Only an entity's
// first event with a given source and id is ever folded, so the identity names it
// as well as its position would.
type runaway struct {
	version, entity string
	id              event.Digest
}

func runawayOf(version string, e *event.Event) runaway {
	return runaway{version, strings.Clone(e.Subject), e.Identity()}
}

// watch is a process's knowledge of runaways. It is safe for concurrent use.
type watch struct {
	Watch
	mu      sync.Mutex
	reasons map[runaway]error
	oldest  []runaway
	running map[string]int
	// any is set once there was a runaway: until then nothing is looked up.
	any atomic.Bool
}

func newWatch(w Watch) *watch {
	return &watch{Watch: w, reasons: make(map[runaway]error), running: make(map[string]int)}
}

// rejection returns why an event is rejected without another try, nil if it is
// not.
func (w *watch) rejection(version string, e *event.Event) error {
	if !w.any.Load() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reasons[runaway{version, e.Subject, e.Identity()}]
}

func (w *watch) remember(r runaway, reason error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, found := w.reasons[r]; !found {
		w.oldest = append(w.oldest, r)
	}
	w.reasons[r] = reason
	if len(w.oldest) > maxKnown {
		delete(w.reasons, w.oldest[0])
		w.oldest = w.oldest[1:]
	}
	w.any.Store(true)
}

// mayFold returns ErrManyRunaways if too many runaways of a projection are still
// running.
func (w *watch) mayFold(version string) error {
	if !w.any.Load() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.running[version]; n >= w.Abandoned {
		return fmt.Errorf("fold with %s: %w: %d", version, ErrManyRunaways, n)
	}
	return nil
}

// addRunning changes the number of a projection's runaways that are still running.
func (w *watch) addRunning(version string, change int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running[version] += change; w.running[version] == 0 {
		delete(w.running, version)
	}
}

// pulse shows whether the goroutine of an attempt is inside a projection. The
// goroutine enters and leaves; the watching goroutine may abandon it in between.
type pulse struct {
	// beats only grows, is odd inside a projection, and ends with givenUp.
	beats atomic.Uint64
	// version and event are those of the fold that was entered last. The watching
	// goroutine reads them only after it has abandoned the other one.
	version string
	event   *event.Event
	// refused is why the goroutine ended itself, nil if it did not.
	refused error
}

const givenUp = ^uint64(0)

func (p *pulse) enter(version string, e *event.Event) {
	p.version, p.event = version, e
	p.beats.Store(p.beats.Load() + 1)
}

// leave returns false if the goroutine was abandoned: it must then touch nothing
// but its own data.
func (p *pulse) leave() bool {
	beats := p.beats.Load()
	return beats != givenUp && p.beats.CompareAndSwap(beats, beats+1)
}

// giveUp abandons the goroutine if it is still inside the same fold.
func (p *pulse) giveUp(beats uint64) bool {
	return beats%2 == 1 && beats != givenUp && p.beats.CompareAndSwap(beats, givenUp)
}

type watchedSet struct{}

// watchedIn returns the set to use in the attempt that runs under ctx.
func (s *Set) watchedIn(ctx context.Context) *Set {
	if watched, found := ctx.Value(watchedSet{}).(*Set); found {
		return watched
	}
	return s
}

// attempt calls do, which must fold with the set that watchedIn returns, and returns
// its error. do runs in a goroutine of its own, which is abandoned if a fold never
// returns; do is then called again, and rejects that event. So do must hold no lock
// while it folds. Panics and runtime.Goexit of do itself reach the caller.
func (s *Set) attempt(ctx context.Context, do func(context.Context) error) error {
	for try := 1; ; try++ {
		again, err := s.attemptOnce(ctx, do)
		if !again || try == maxTries {
			return err
		}
	}
}

// ending is how the goroutine of an attempt ended.
type ending struct {
	err      error
	returned bool
	panicked any
	// inside says that it ended inside a projection.
	inside bool
}

func (s *Set) attemptOnce(ctx context.Context, do func(context.Context) error) (again bool, err error) {
	p := &pulse{}
	ctx = context.WithValue(ctx, watchedSet{}, s.withPulse(p))
	ended := make(chan ending, 1)
	go s.watch.run(p, ended, func() error { return do(ctx) })
	every, stop := s.watch.Every(s.watch.Limit / time.Duration(s.watch.Ticks))
	defer stop()
	last, ticks := uint64(0), 0
	for {
		select {
		case end := <-ended:
			return s.watch.end(p, end)
		case <-every:
			if beats := p.beats.Load(); beats != last {
				last, ticks = beats, 0
			} else if ticks++; ticks >= s.watch.Ticks && p.giveUp(last) {
				return true, s.watch.abandon(p)
			}
		}
	}
}

// run is the goroutine of an attempt. Once abandoned, it does not report its end.
func (w *watch) run(p *pulse, ended chan<- ending, do func() error) {
	var end ending
	defer func() {
		if !end.returned {
			end.panicked = recover()
		}
		if end.inside = p.beats.Load()%2 == 1; end.inside && !p.leave() {
			w.addRunning(p.version, -1)
			return
		}
		ended <- end
	}()
	end.err = do()
	end.returned = true
}

// end ends the attempt as its goroutine ended.
func (w *watch) end(p *pulse, end ending) (again bool, err error) {
	switch {
	case end.returned:
		return false, end.err
	case end.panicked != nil:
		panic(end.panicked)
	case end.inside:
		reason := reject(ErrExit, p.version)
		w.remember(runawayOf(p.version, p.event), reason)
		return true, reason
	case p.refused == nil:
		runtime.Goexit()
	}
	return false, p.refused
}

func (w *watch) abandon(p *pulse) error {
	reason := reject(ErrRunaway, fmt.Sprintf("%s took more than %v", p.version, w.Limit))
	w.addRunning(p.version, 1)
	w.remember(runawayOf(p.version, p.event), reason)
	return reason
}
