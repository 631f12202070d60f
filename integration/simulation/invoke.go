package simulation

import "context"

// invocation is one run of a function, watched by the driver that started it.
// Its result is its own: what a zombie returns late goes to nobody.
type invocation[T any] struct {
	actor  *actor
	ended  bool
	result T
	err    error
}

// task is what a function does in one invocation.
type task[T any] func(ctx context.Context, a *actor) (T, error)

// none is the result of a task that has none.
type none struct{}

// act makes a task of what has no result.
func act(do func(ctx context.Context, a *actor) error) task[none] {
	return func(ctx context.Context, a *actor) (none, error) { return none{}, do(ctx, a) }
}

// invoke runs a task as an actor of its own. Some invocations stand still for
// long at a random call: their driver gives them up and starts others, and
// they go on later as zombies.
func invoke[T any](w *world, name string, timeout int64, do task[T]) *invocation[T] {
	a := w.newActor(name)
	chance := w.storm.freeze
	if timeout > functionTimeout {
		chance *= 4 // of a replay's steps there are few
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

// run invokes a task for a driver and returns its result, or errFault where
// the driver gave it up. It reports false once the schedule is over.
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
