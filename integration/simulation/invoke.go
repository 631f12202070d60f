package simulation

import "context"

// invocation is one run of a function, watched by the driver that started it.
type invocation struct {
	actor *actor
	ended bool
	err   error
}

// invoke runs fn as an actor of its own. Some invocations stand still for
// long at a random call: their driver gives them up and starts others, and
// they go on later as zombies.
func (w *world) invoke(name string, timeout int64, fn func(ctx context.Context, a *actor) error) *invocation {
	a := w.newActor(name)
	chance := w.storm.freeze
	if timeout > functionTimeout {
		chance *= 4 // of a replay's steps there are few
	}
	if w.stormy() && a.random.Float64() < chance {
		a.freezeAfter = 1 + a.random.IntN(16)
		a.freezeFor = 1_000 + a.random.Int64N(2*timeout)
	}
	inv := &invocation{actor: a}
	w.gate.mu.Lock()
	w.running[a.id] = a
	w.gate.mu.Unlock()
	go func() {
		err := fn(a.ctx, a)
		a.cancel()
		w.gate.mu.Lock()
		defer w.gate.mu.Unlock()
		delete(w.running, a.id)
		inv.ended, inv.err = true, err
	}()
	return inv
}

// functionTimeout is how long a driver waits for an invocation, in
// milliseconds.
const functionTimeout = 20_000

// call runs fn as an invocation for a driver and reports its error, or
// errFault where the driver gave it up. It reports false once the schedule is
// over.
func (w *world) call(driver *actor, name string, timeout int64, fn func(ctx context.Context, a *actor) error) (error, bool) {
	inv := w.invoke(name, timeout, fn)
	if !driver.await(name, w.now+timeout, func() bool { return inv.ended }) {
		return errOver, false
	}
	w.gate.mu.Lock()
	defer w.gate.mu.Unlock()
	if !inv.ended {
		return errFault, true
	}
	return inv.err, true
}
