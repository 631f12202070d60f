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

// Watch bounds the time that a projection may take for one event. What it takes
// longer for is a runaway: the event is rejected (ErrRunaway), which parks its
// entity. The fold cannot be stopped: its goroutine is left alone with a copy of
// the event, and takes processor time until it returns by itself, or for ever.
//
// That is the one rejection that no projection version decides: a machine that
// is slow beyond all measure may reject an event that another one takes. So the
// limit has to be far above what any sound projection takes.
type Watch struct {
	// Limit is the least time that a fold must have taken to be a runaway.
	Limit time.Duration
	// Ticks is into how many equal parts the limit is divided. A part counts only
	// if the process lived to see its end: one that was stopped (a laptop asleep,
	// a debugger, a frozen function) has lost one part by it, however long.
	Ticks int
	// Abandoned bounds the runaways of one projection that are still running.
	// With as many, nothing is folded with it (ErrManyRunaways).
	Abandoned int
	// Every returns a channel that ticks, and a function that ends it.
	Every func(time.Duration) (<-chan time.Time, func())
}

// DefaultWatch is ten seconds, on the clock of the machine.
func DefaultWatch() Watch {
	every := func(d time.Duration) (<-chan time.Time, func()) {
		t := time.NewTicker(d)
		return t.C, t.Stop
	}
	return Watch{Limit: 10 * time.Second, Ticks: 10, Abandoned: 8, Every: every}
}

const (
	// maxKnown bounds the runaways that are remembered; of more, the oldest is
	// forgotten, and found out again should its event come again.
	maxKnown = 1000
	// maxTries bounds the runaways that one attempt finds out, and so its time.
	maxTries = 3
)

// runaway is an event that a projection does not return from. Of an entity's
// events with one source and id only the first is ever folded, so that they
// name it as its position does.
type runaway struct {
	version, entity string
	id              event.Digest
}

func runawayOf(version string, e *event.Event) runaway {
	return runaway{version, strings.Clone(e.Subject), e.Identity()}
}

// watch is what a process knows of runaways. It is safe for concurrent use.
type watch struct {
	Watch
	mu      sync.Mutex
	reasons map[runaway]error
	oldest  []runaway
	running map[string]int
	// some is set once anything was found out: until then nothing is looked up.
	some atomic.Bool
}

func newWatch(w Watch) *watch {
	return &watch{Watch: w, reasons: make(map[runaway]error), running: make(map[string]int)}
}

// known returns why an event is rejected without another try, nil where it is
// not.
func (w *watch) known(version string, e *event.Event) error {
	if !w.some.Load() {
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
	w.some.Store(true)
}

// mayFold refuses a projection with too many runaways that are still running.
func (w *watch) mayFold(version string) error {
	if !w.some.Load() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.running[version]; n >= w.Abandoned {
		return fmt.Errorf("fold with %s: %w: %d", version, ErrManyRunaways, n)
	}
	return nil
}

func (w *watch) abandoned(version string, change int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running[version] += change; w.running[version] == 0 {
		delete(w.running, version)
	}
}

// pulse shows whether the goroutine of an attempt is inside of a projection. The
// goroutine enters and leaves; who watches it may give it up in between.
type pulse struct {
	// beats is odd inside of a projection, no number comes twice, and givenUp is
	// the last.
	beats atomic.Uint64
	// version and event are those of the fold that was entered last. Who watches
	// reads them after giving it up only.
	version string
	event   *event.Event
	// refused is why the goroutine ended itself, where it did.
	refused error
}

const givenUp = ^uint64(0)

func (p *pulse) enter(version string, e *event.Event) {
	p.version, p.event = version, e
	p.beats.Store(p.beats.Load() + 1)
}

// leave returns false if the goroutine was given up: it must touch nothing then
// that is not its own.
func (p *pulse) leave() bool {
	beats := p.beats.Load()
	return beats != givenUp && p.beats.CompareAndSwap(beats, beats+1)
}

// giveUp gives the goroutine up if it is still inside the same fold.
func (p *pulse) giveUp(beats uint64) bool {
	return beats%2 == 1 && beats != givenUp && p.beats.CompareAndSwap(beats, givenUp)
}

type watchedSet struct{}

// watchedIn returns the set to fold with in an attempt that runs under ctx.
func (s *Set) watchedIn(ctx context.Context) *Set {
	if watched, found := ctx.Value(watchedSet{}).(*Set); found {
		return watched
	}
	return s
}

// attempt calls do, which folds with the set that watchedIn returns, and returns
// what it returns. do runs in a goroutine of its own, so that a fold that never
// returns can be left behind: do must hold no lock while it folds, and is then
// called again, to reject that event. Panics and runtime.Goexit of do itself
// arrive at the caller.
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
	// inside says that it ended inside of a projection.
	inside bool
}

func (s *Set) attemptOnce(ctx context.Context, do func(context.Context) error) (again bool, err error) {
	p := &pulse{}
	ctx = context.WithValue(ctx, watchedSet{}, s.under(p))
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

// run is the goroutine of an attempt. Once it was given up it tells nobody.
func (w *watch) run(p *pulse, ended chan<- ending, do func() error) {
	var end ending
	defer func() {
		if !end.returned {
			end.panicked = recover()
		}
		if end.inside = p.beats.Load()%2 == 1; end.inside && !p.leave() {
			w.abandoned(p.version, -1)
			return
		}
		ended <- end
	}()
	end.err = do()
	end.returned = true
}

// end makes the caller's ending of the goroutine's.
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
	w.abandoned(p.version, 1)
	w.remember(runawayOf(p.version, p.event), reason)
	return reason
}
