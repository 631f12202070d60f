package simulation

import (
	"context"
	"fmt"
)

// maxSteps limits a schedule: one that needs more steps counts as hanging.
const maxSteps = 60_000

// schedule runs the schedule of a seed and returns its world, whose broken
// field is the broken invariant, if any. quiesce returns once every goroutine
// of the schedule waits.
func schedule(f *fixtures, seed uint64, p plant, tracing bool, quiesce func()) (*world, error) {
	w, err := newWorld(f, seed, p, tracing)
	if err != nil {
		return nil, err
	}
	w.begin()
	w.run(quiesce, maxSteps)
	if w.broken == nil {
		w.checkEnd()
	}
	return w, nil
}

// storm is the probability of faults, per call of a store, until it is over.
type storm struct {
	// steps is the storm's duration.
	steps int
	// before and after are the chances that a call fails without or with its
	// effect; throttle, that the call is refused; crash, that its caller dies.
	before, after, throttle, crash float64
	// freeze is the chance that an invocation freezes for long.
	freeze float64
	// cuts is the chance, per step, that everything dies at once.
	cuts float64
}

// run picks calls until none is left, an invariant is broken, or limit steps are
// taken. quiesce returns once every goroutine waits.
func (w *world) run(quiesce func(), limit int) {
	defer func() {
		w.gate.end()
		quiesce()
	}()
	for w.steps < limit {
		quiesce()
		w.steps++ // while all wait: actors read it
		if w.broken != nil {
			return
		}
		waiting := w.gate.sorted()
		if w.buryCrashed(waiting) {
			continue
		}
		c, found := w.pick(waiting)
		if !found {
			return
		}
		if w.stormy() && w.random.Float64() < w.storm.cuts {
			w.cutPower()
			continue
		}
		w.now += 1 + w.random.Int64N(w.stride)
		w.gate.remove(c)
		w.settle(c)
	}
	w.checkLog()
	w.breakf(liveness, "after %d steps the schedule has not come to its end: %s", limit, w.waitingFor())
}

func (w *world) stormy() bool { return w.steps < w.storm.steps }

// buryCrashed fails the calls of all dead actors in one step.
func (w *world) buryCrashed(waiting []*call) bool {
	buried := false
	for _, c := range waiting {
		if c.actor.crashed {
			w.gate.remove(c)
			c.done <- context.Canceled
			buried = true
		}
	}
	return buried
}

// pick chooses among the calls that are ready. If there is none, it advances the
// clock to the next one.
func (w *world) pick(waiting []*call) (*call, bool) {
	for {
		ready := w.ready[:0]
		next := int64(0)
		for _, c := range waiting {
			at := max(c.actor.frozen, c.wake)
			if c.ready != nil && c.ready() {
				at = c.actor.frozen
			} else if c.ready != nil && c.wake == 0 {
				continue
			}
			if at <= w.now {
				ready = append(ready, c)
			} else if next == 0 || at < next {
				next = at
			}
		}
		w.ready = ready
		if len(ready) > 0 {
			return ready[w.random.IntN(len(ready))], true
		}
		if next == 0 {
			return nil, false
		}
		w.now = next
	}
}

// settle decides the fate of a call and releases its caller.
func (w *world) settle(c *call) {
	a := c.actor
	a.calls++
	if a.calls == a.freezeAfter {
		a.frozen = w.now + a.freezeFor
	}
	if err := c.ctx.Err(); err != nil {
		w.trace(c, "cancelled")
		c.done <- err
		return
	}
	w.trigger(c)
	f, crash, how := w.fateOf(c)
	var err error
	if f.happens && c.run != nil {
		err = c.run(f)
		w.sawCall(c, err)
	}
	if f.err != nil {
		err = f.err
	}
	w.sawAnswer(c, err)
	if w.tracing {
		if err != nil {
			how += fmt.Sprintf(" (%v)", err)
		}
		w.trace(c, how)
	}
	if crash {
		a.kill()
		err = context.Canceled
	}
	c.done <- err
}

func (w *world) fateOf(c *call) (f fate, crash bool, how string) {
	if c.actor.crashAt > 0 && c.actor.calls == c.actor.crashAt && !c.sure {
		return fate{happens: w.random.IntN(2) == 0, err: errFault}, true, "crashed as planned"
	}
	if c.sure || !w.stormy() {
		return fate{happens: true}, false, "done"
	}
	s := &w.storm
	roll := w.random.Float64()
	for _, option := range []struct {
		chance float64
		fate   fate
		crash  bool
		how    string
	}{
		{s.before, fate{err: errFault}, false, "failed"},
		{s.after, fate{happens: true, err: errFault, part: w.someParts()}, false, "done, reported as failed"},
		{s.throttle, fate{err: c.throttled}, false, "throttled"},
		{s.crash, fate{}, true, "crashed before"},
		{s.crash, fate{happens: true, part: w.someParts()}, true, "crashed after"},
	} {
		if roll -= option.chance; roll < 0 {
			if option.fate.err == nil && !option.crash {
				option.fate.err = errFault
			}
			return option.fate, option.crash, option.how
		}
	}
	return fate{happens: true}, false, "done"
}

// someParts decides which of several writes happen: all, or a random selection.
func (w *world) someParts() func() bool {
	if w.random.IntN(2) == 0 {
		return nil
	}
	return func() bool { return w.random.IntN(2) == 0 }
}

func (a *actor) kill() {
	a.crashed = true
	a.cancel()
}

// cutPower kills every invocation at once. What the drivers know is durable,
// as it is in AWS.
func (w *world) cutPower() {
	if w.tracing {
		w.log = append(w.log, fmt.Sprintf("%6d %9d power cut", w.steps, w.now))
	}
	for _, a := range w.running {
		if !a.crashed {
			a.kill()
		}
	}
}

func (w *world) trace(c *call, how string) {
	if w.tracing {
		w.log = append(w.log, fmt.Sprintf("%6d %9d %s: %s", w.steps, w.now-w.began, c.name(), how))
	}
}

func (w *world) waitingFor() string {
	text := ""
	for i, c := range w.gate.sorted() {
		if i == 12 {
			return text + ", …"
		}
		if i > 0 {
			text += ", "
		}
		text += c.name()
	}
	return text
}
