package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/replay/segment"

	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/lifecycle"
)

// Times of the replay's functions. The machine's checks of a drain are much shorter
// than the drain's patience; drainLimit is for tests that want to see a reread.
const (
	stepTimeout   = 60_000
	drainStep     = 5 * time.Second
	drainLimit    = 30 * time.Second
	drainPatience = 15 * time.Second
	drainPoll     = time.Second
	promotePoll   = 200 * time.Millisecond
	retention     = 1000 * time.Hour
)

// machine plays the replay state machine for one replay: a durable position in its
// steps, each of which is retried until it is done.
type machine struct {
	world  *world
	replay *replayModel
	driver *actor
	// stopped ends the machine from outside, as a Stop in the console does.
	stopped bool
	// tokens counts the task tokens of the machine's waits.
	tokens int
	// execution is the execution's name, fault how it fails, nil if it is not meant to,
	// and over is set once it has ended.
	execution string
	fault     *drawnFault
	over      bool
}

// errStoppedByItself is the error name of an execution that ended because its
// replay was cancelled.
const errStoppedByItself = "Reprise.Stopped"

var (
	errIncomplete = errors.New("the replay cannot prove itself complete")
	errHalted     = errors.New("the replay was stopped")
	errPaused     = errors.New("the replay is paused")
)

// run goes through the states and reports how it ended.
func (m *machine) run() {
	err, alive := m.work()
	if !alive && !m.stopped {
		return
	}
	status, failure := replay.Succeeded, (*replay.Failure)(nil)
	ended := lifecycle.ExecutionStatus("SUCCEEDED")
	switch {
	case !alive:
		ended = "ABORTED"
	case errors.Is(err, errHalted) && m.world.drawn.cancels:
		ended, failure = "FAILED", &replay.Failure{Error: errStoppedByItself, Cause: err.Error()}
	case errors.Is(err, errHalted):
		ended = "ABORTED"
	case errors.Is(err, errTimedOut):
		ended = "TIMED_OUT"
	case err != nil:
		ended, status, failure = "FAILED", replay.Failed, m.failureOf(err)
	}
	if alive && !errors.Is(err, errHalted) && !errors.Is(err, errTimedOut) {
		_, _, _ = step(m, "close", func(ctx context.Context, a *actor) (replay.Row, error) {
			return m.world.closerOf(a).CloseExecution(ctx, m.replay.id, m.name(), status, failure)
		})
		if m.stopped {
			ended, failure = "ABORTED", nil
		}
	}
	m.tell(ended, failure)
}

func (m *machine) work() (error, bool) {
	row, err, alive := step(m, "plan", m.plan)
	if err != nil || !alive {
		return err, alive
	}
	if m.continues() {
		if row.Cancel || row.Status.Ended() {
			return errHalted, true
		}
		if row.Proof != nil && row.Proof.Complete {
			return m.finish()
		}
	}
	return m.catchUp(row)
}

// finish does what follows the proof.
func (m *machine) finish() (error, bool) {
	if !m.replay.request.Rebuild {
		return nil, true
	}
	err, alive := m.follow()
	if !alive || !errors.Is(err, cutover.ErrCutTooOld) {
		return err, alive
	}
	row, err, alive := m.move()
	switch {
	case err != nil || !alive:
		return err, alive
	case row.Proof != nil && row.Proof.Complete:
		return m.finish()
	}
	return m.catchUp(row)
}

func (m *machine) plan(ctx context.Context, a *actor) (replay.Row, error) {
	if err := m.enter(ctx, a); err != nil {
		return replay.Row{}, err
	}
	if err := m.world.promoterOf(a).Prepare(ctx, m.replay.id, m.world.setAt(a.code).Version()); err != nil {
		return replay.Row{}, err
	}
	return m.world.plannerOf(a).Plan(ctx, m.replay.id)
}

// deliver reads all groups and waits for the drain, as often as necessary.
func (m *machine) deliver(groups int) (replay.Drain, error, bool) {
	for {
		if err, alive := m.readUnpaused(groups); err != nil || !alive {
			return "", err, alive
		}
		state, err, alive := m.drain()
		switch {
		case err != nil || !alive || state == replay.Drained || state == replay.Behind:
			return state, err, alive
		case state == replay.DrainStopped:
			return state, errHalted, true
		}
	}
}

// readGroups is the Map: one concurrent child execution per group.
func (m *machine) readGroups(groups int) (error, bool) {
	children := make([]*child, groups)
	for i := range children {
		children[i] = &child{machine: machine{world: m.world, replay: m.replay, execution: m.execution, fault: m.fault,
			driver: m.world.newActor(fmt.Sprintf("child-%s-%d", m.replay.id, i))}, group: i}
		children[i].driver.replay = m.replay
		go children[i].run()
	}
	ended := func() bool {
		for _, c := range children {
			if !c.ended {
				return false
			}
		}
		return true
	}
	if !m.driver.await("children", 0, func() bool { return m.stopped || ended() }) || m.stopped {
		for _, c := range children {
			c.stopped = true
		}
		return nil, false
	}
	var err error
	for _, c := range children {
		if c.err != nil && (err == nil || errors.Is(err, errPaused)) {
			err = c.err
		}
	}
	return err, true
}

// child reads one lane group.
type child struct {
	machine
	group int
	ended bool
	err   error
}

func (c *child) run() {
	var err error
	if c.driver.await("begin", 0, nil) { // one after the other, so that one seed gives one schedule
		err = c.read()
	}
	c.world.gate.mu.Lock()
	defer c.world.gate.mu.Unlock()
	c.ended, c.err = true, err
}

func (c *child) read() error {
	for {
		got, err, alive := step(&c.machine, "read", func(ctx context.Context, a *actor) (segment.Outcome, error) {
			limit := time.Duration(100+a.random.IntN(8_000)) * time.Millisecond
			return c.world.readGroup(ctx, a, c.replay.id, c.group, c.world.clock().Add(limit))
		})
		switch {
		case !alive:
			return nil
		case err != nil:
			return err
		case got == segment.Stopped:
			return errHalted
		case got == segment.Paused:
			return errPaused
		case got == segment.Done:
			return nil
		}
	}
}

func (w *world) readGroup(
	ctx context.Context, a *actor, id string, group int, deadline time.Time,
) (segment.Outcome, error) {
	if w.plant.readGroup != nil {
		return w.plant.readGroup(ctx, a, id, group, deadline)
	}
	return w.readerOf(a).Read(ctx, id, group, deadline)
}

func (m *machine) drain() (state replay.Drain, err error, alive bool) {
	for {
		state, err, alive = step(m, "drain", func(ctx context.Context, a *actor) (replay.Drain, error) {
			return m.world.checkDrained(ctx, a, m.replay.id)
		})
		if err != nil || !alive || (state != replay.Waiting && state != replay.DrainPaused) {
			return state, err, alive
		}
		if state == replay.DrainPaused && !m.awaitResume() {
			return state, nil, false
		}
		if m.driver.pause(m.driver.ctx, 500) != nil {
			return state, errOver, false
		}
	}
}

func (w *world) checkDrained(ctx context.Context, a *actor, id string) (replay.Drain, error) {
	if w.plant.drain != nil {
		return w.plant.drain(ctx, a, id)
	}
	return w.drainerOf(a).Check(ctx, id, w.clock().Add(drainStep))
}

// follow makes the generation follow the stream and, if requested, makes it
// active.
func (m *machine) follow() (error, bool) {
	if _, err, alive := step(m, "follow", act(func(ctx context.Context, a *actor) error {
		return m.world.promoterOf(a).Follow(ctx, m.replay.id)
	})); err != nil || !alive {
		return err, alive
	}
	m.world.gate.mu.Lock()
	m.world.promoting = true
	m.world.gate.mu.Unlock()
	for m.replay.request.Promote {
		state, err, alive := step(m, "promote", func(ctx context.Context, a *actor) (cutover.Promotion, error) {
			return m.world.promote(ctx, a, m.replay.id)
		})
		switch {
		case err != nil || !alive:
			return err, alive
		case state == cutover.Promoted:
			return nil, true
		case state == cutover.PromotionStopped:
			return errHalted, true
		case (state == cutover.PromotionPaused || state == cutover.PromotionAsking) && !m.awaitResume():
			return nil, false
		}
		if m.driver.pause(m.driver.ctx, 1_000) != nil {
			return errOver, false
		}
	}
	return nil, true
}

func (w *world) promote(ctx context.Context, a *actor, id string) (cutover.Promotion, error) {
	if w.plant.promote != nil {
		return w.plant.promote(ctx, a, id)
	}
	return w.promoterOf(a).Promote(ctx, id, w.clock().Add(8*time.Second))
}
