package simulation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
)

// errFault is a fault of a store: the call may have taken effect.
var errFault = errors.New("simulated fault of a store")

// errOver ends every actor at the end of the schedule.
var errOver = errors.New("the schedule is over")

// fate is the outcome of one call.
type fate struct {
	// happens is true if the call takes effect.
	happens bool
	// err is what the caller gets instead of the call's own result.
	err error
	// part decides which of several writes happen; nil means all of them.
	part func() bool
}

// partly reports whether the next write of several happens.
func (f fate) partly() bool { return f.part == nil || f.part() }

// call is an actor that waits at the gate.
type call struct {
	actor *actor
	kind  string
	key   string
	// tag distinguishes calls of the same name from goroutines of one actor.
	tag int
	// ready is nil for a call that is always ready. At the time wake, the call
	// is ready in any case.
	ready func() bool
	wake  int64
	// sure calls are made by drivers: they neither fail nor crash.
	sure      bool
	throttled error
	ctx       context.Context
	run       func(fate) error
	done      chan error
	arrived   int
}

func (c *call) name() string { return fmt.Sprintf("%s %s %s", c.actor.name, c.kind, c.key) }

func compareCalls(a, b *call) int {
	return cmp.Or(cmp.Compare(a.actor.id, b.actor.id), cmp.Compare(a.kind, b.kind),
		cmp.Compare(a.key, b.key), cmp.Compare(a.tag, b.tag), cmp.Compare(a.arrived, b.arrived))
}

// gate holds all waiting calls. Its mutex guards the state that running actors
// share with the scheduler.
type gate struct {
	mu      sync.Mutex
	waiting []*call
	count   int
	actors  int
	over    bool
}

// actor is one invocation of a function, or a driver.
type actor struct {
	world  *world
	id     int
	name   string
	ctx    context.Context
	cancel context.CancelFunc
	// The actor's calls wait until the time frozen. After freezeAfter calls it
	// freezes for freezeFor.
	frozen      int64
	freezeAfter int
	freezeFor   int64
	calls       int
	crashed     bool
	// crashAt is the number of the call at which the actor dies, 0 for none.
	crashAt int
	// dying is how many of a driver's next invocations die at crashAt.
	dying int
	// code is the version of the projections that the actor runs. step is the
	// replay's step that it carries out, if any, and replay is that replay.
	code   int
	step   string
	born   int
	replay *replayModel
	// sight is what a reader has seen.
	sight sight
	// direct actors bypass the gate; they set up a world and check its end.
	direct bool
	random *rand.Rand
}

func (w *world) newActor(name string) *actor {
	w.gate.mu.Lock()
	defer w.gate.mu.Unlock()
	w.gate.actors++
	a := &actor{
		world:       w,
		id:          w.gate.actors,
		name:        fmt.Sprintf("%s.%d", name, w.gate.actors),
		freezeAfter: -1,
		code:        w.code,
		born:        w.steps,
		random:      rand.New(rand.NewPCG(w.seed, textHash(name)+uint64(w.gate.actors))),
	}
	a.ctx, a.cancel = context.WithCancel(context.WithValue(context.Background(), actorKey{}, a))
	return a
}

type actorKey struct{}

// actorOf is the actor whose context ctx comes from.
func actorOf(ctx context.Context) *actor {
	a, _ := ctx.Value(actorKey{}).(*actor)
	return a
}

func textHash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // a hash never fails
	return h.Sum64()
}

// do runs a call of a store once the scheduler picks it.
func (a *actor) do(ctx context.Context, kind, key string, throttled error, run func(fate) error) error {
	return a.enter(&call{kind: kind, key: key, throttled: throttled, ctx: ctx, run: run})
}

// await makes a driver wait until ready returns true or until the time wake (0
// is never). It returns false once the schedule is over.
func (a *actor) await(what string, wake int64, ready func() bool) bool {
	return a.enter(&call{kind: "await", key: what, wake: wake, ready: ready, sure: true, ctx: a.ctx}) == nil
}

// pause is how code under test waits.
func (a *actor) pause(ctx context.Context, millis int64) error {
	return a.enter(&call{kind: "pause", wake: a.world.now + max(millis, 1), ready: never, sure: true, ctx: ctx})
}

func never() bool { return false }

type tagKey struct{}

// tagged marks the calls under ctx, for goroutines of one actor whose calls would
// otherwise have the same name.
func tagged(ctx context.Context, tag int) context.Context {
	return context.WithValue(ctx, tagKey{}, tag)
}

func (a *actor) enter(c *call) error {
	c.actor = a
	c.tag, _ = c.ctx.Value(tagKey{}).(int)
	if a.direct {
		return a.world.atOnce(c)
	}
	c.done = make(chan error, 1)
	g := &a.world.gate
	g.mu.Lock()
	if g.over {
		g.mu.Unlock()
		return fmt.Errorf("%w: %w", errOver, context.Canceled)
	}
	g.count++
	c.arrived = g.count
	g.waiting = append(g.waiting, c)
	g.mu.Unlock()
	return <-c.done
}

// atOnce performs a call without the scheduler, one at a time.
func (w *world) atOnce(c *call) error {
	w.direct.Lock()
	defer w.direct.Unlock()
	if c.run == nil {
		w.now = max(w.now, c.wake)
		return nil
	}
	return c.run(fate{happens: true})
}

// sorted orders the waiting calls, so that the schedule of a seed does not depend
// on the order in which goroutines arrive.
func (g *gate) sorted() []*call {
	g.mu.Lock()
	defer g.mu.Unlock()
	slices.SortFunc(g.waiting, compareCalls)
	return slices.Clone(g.waiting)
}

func (g *gate) remove(c *call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = slices.DeleteFunc(g.waiting, func(other *call) bool { return other == c })
}

// end fails all waiting and later calls with errOver.
func (g *gate) end() {
	g.mu.Lock()
	g.over = true
	waiting := g.waiting
	g.waiting = nil
	g.mu.Unlock()
	for _, c := range waiting {
		c.done <- fmt.Errorf("%w: %w", errOver, context.Canceled)
	}
}

// invocation is one run of a function, watched by the driver that started it. It
// has its own result, so that nobody gets the late result of a zombie.
type invocation[T any] struct {
	actor  *actor
	ended  bool
	result T
	err    error
}

// task is what a function does in one invocation.
type task[T any] func(ctx context.Context, a *actor) (T, error)

// none is the result of a task without a result.
type none struct{}

// act makes a task from a function without a result.
func act(do func(ctx context.Context, a *actor) error) task[none] {
	return func(ctx context.Context, a *actor) (none, error) { return none{}, do(ctx, a) }
}

// invoke runs a task as a new actor. Some invocations freeze for long at a random
// call: their driver abandons them and starts others, and they continue later as
// zombies.
func invoke[T any](w *world, name string, timeout int64, do task[T]) *invocation[T] {
	a := w.newActor(name)
	chance := w.storm.freeze
	if timeout > functionTimeout {
		chance *= 4 // a replay has few steps
	}
	if w.stormy() && a.random.Float64() < chance {
		a.freezeAfter = 1 + a.random.IntN(16)
		a.freezeFor = 1_000 + a.random.Int64N(2*timeout)
	}
	inv := &invocation[T]{actor: a}
	w.gate.mu.Lock()
	w.running[a.id] = a
	w.gate.mu.Unlock()
	go func() {
		result, err := do(a.ctx, a)
		a.cancel()
		w.gate.mu.Lock()
		defer w.gate.mu.Unlock()
		delete(w.running, a.id)
		inv.ended, inv.result, inv.err = true, result, err
	}()
	return inv
}

// functionTimeout is how long a driver waits for an invocation, in
// milliseconds.
const functionTimeout = 20_000

// run invokes a task for a driver and returns its result, or errFault if the
// driver abandoned it. alive is false once the schedule is over.
func run[T any](driver *actor, name string, timeout int64, do task[T]) (result T, err error, alive bool) {
	w := driver.world
	inv := invoke(w, name, timeout, func(ctx context.Context, a *actor) (T, error) {
		a.step, a.replay = name, driver.replay
		if driver.dying > 0 {
			driver.dying--
			a.crashAt = 1 + a.random.IntN(8)
		}
		return do(ctx, a)
	})
	if !driver.await(name, w.now+timeout, func() bool { return inv.ended }) {
		return result, errOver, false
	}
	w.gate.mu.Lock()
	defer w.gate.mu.Unlock()
	if !inv.ended {
		return result, errFault, true
	}
	return inv.result, inv.err, true
}
