package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// failing is the stream of the random source for failures that are continued.
const failing = 11

// maxFaults is how many executions of a replay fail.
const maxFaults = 3

var (
	// errGivenUp is how a step fails for good in a world that draws failures: the state
	// machine has retried it in vain.
	errGivenUp = errors.New("the step was given up")
	// errTimedOut ends an execution without its last step.
	errTimedOut = errors.New("the execution ran out of time")
)

// drawnFault is how an execution fails: with the invocation of that number of a step.
type drawnFault struct {
	step string
	call int
	// dies kills that invocation in its midst, and silent ends the execution at once,
	// without its last step.
	dies, silent bool
	calls        int
}

// chooseFailures draws from its own random source, so that a seed's world does not change
// unless its executions fail.
func (w *world) chooseFailures() {
	r := rand.New(rand.NewPCG(w.seed, failing))
	if w.drawn.continues = r.IntN(3) == 0 && w.attacks.continues; !w.drawn.continues {
		return
	}
	steps := []string{"plan", "read", "read", "read", "drain", "prove", "follow", "promote"}
	for _, of := range w.order {
		for range r.IntN(maxFaults + 1) {
			of.faults = append(of.faults, &drawnFault{step: steps[r.IntN(len(steps))], call: 1 + r.IntN(4),
				dies: r.IntN(2) == 0, silent: r.IntN(4) == 0})
		}
		of.forgetful = r.IntN(2)
	}
}

// faultOf is how the execution of an attempt fails, nil if it is not meant to.
func (r *replayModel) faultOf(attempt int) *drawnFault {
	if attempt < len(r.faults) {
		return r.faults[attempt]
	}
	return nil
}

// givesUp returns how the next invocation of a step fails for good, nil if it does not.
func (m *machine) givesUp(step string) error {
	f := m.fault
	if f == nil || f.step != step {
		return nil
	}
	if f.calls++; f.calls != f.call {
		return nil
	}
	if f.dies {
		m.driver.dying = 1
	}
	if f.silent {
		return errTimedOut
	}
	return errGivenUp
}

// name is the name that the execution tells its steps, "" in a world whose executions
// are never continued.
func (m *machine) name() string {
	if m.world.drawn.continues {
		return m.execution
	}
	return ""
}

// continues reports whether the execution continues a replay that failed.
func (m *machine) continues() bool { return m.execution != m.replay.id }

// current refuses a step of an execution that does not carry its replay out any more.
func current[T any](m *machine, step string, do task[T]) task[T] {
	if m.name() == "" || step == "plan" || step == "close" {
		return do
	}
	return func(ctx context.Context, a *actor) (none T, err error) {
		if err := m.world.storeOf(a).CheckExecution(ctx, m.replay.id, m.execution); err != nil {
			return none, err
		}
		return do(ctx, a)
	}
}

// enter begins a replay, or continues it.
func (m *machine) enter(ctx context.Context, a *actor) error {
	store := m.world.storeOf(a)
	if !m.continues() {
		if _, _, err := store.Create(ctx, m.replay.id, m.replay.request); err != nil || m.name() == "" {
			return err
		}
		if err := store.CheckExecution(ctx, m.replay.id, m.execution); err != nil {
			return err
		}
		return store.Started(ctx, m.replay.id)
	}
	if _, err := m.world.serviceOf(a).Adopt(ctx, m.replay.id, m.execution); err != nil {
		return err
	}
	if m.world.plant.adopted != nil {
		if err := m.world.plant.adopted(ctx, a, m.replay.id); err != nil {
			return err
		}
	}
	return store.Started(ctx, m.replay.id)
}

// failureOf names an error as the steps do, as far as it decides whether the replay can be
// continued.
func (m *machine) failureOf(err error) *replay.Failure {
	failure := &replay.Failure{Error: "Simulated", Cause: err.Error()}
	if !m.world.drawn.continues {
		return failure
	}
	for _, known := range []struct {
		err  error
		name string
	}{
		{replay.ErrRequest, "Reprise.InvalidInput"},
		{cutover.ErrCutTooOld, "Reprise.CutTooOld"},
		{replay.ErrOtherVersion, replay.FaultOtherVersion},
		{replay.ErrGenerationLost, replay.FaultLost},
		{datastore.ErrLost, replay.FaultLost},
		{datastore.ErrNoGeneration, replay.FaultLost},
	} {
		if errors.Is(err, known.err) {
			failure.Error = known.name
		}
	}
	return failure
}

// machineOf is the machine of an execution.
func (w *world) machineOf(execution string) *machine {
	if m := w.executions[execution]; m != nil {
		return m
	}
	if r := w.replays[execution]; r != nil {
		return r.machine
	}
	return nil
}

// startExecution starts an execution that continues a replay, once.
func (w *world) startExecution(r *replayModel, name string) *machine {
	if m := w.executions[name]; m != nil {
		return m
	}
	m := &machine{world: w, replay: r, execution: name, driver: w.newActor("machine-" + name),
		fault: r.faultOf(r.row.Attempt())}
	m.driver.replay, w.executions[name] = r, m
	go func() {
		if m.driver.await("turn", 0, nil) {
			m.run()
			m.settled(func() { m.over = true })
		}
	}()
	return m
}

// startSteering starts the people who steer a replay.
func (w *world) startSteering(m *machine) {
	if m.replay.pauseAt.drawn {
		go m.interrupt(w.newActor("interrupter-" + m.replay.id))
	}
	for i := range m.replay.pauses {
		go m.steer(w.newActor(fmt.Sprintf("steerer-%s-%d", m.replay.id, i)))
	}
	for i := range m.replay.rates {
		go m.setRates(w.newActor(fmt.Sprintf("rater-%s-%d", m.replay.id, i)))
	}
	if m.replay.request.Ask {
		go m.approve(w.newActor("approver-" + m.replay.id))
	}
	if !w.drawn.continues {
		return
	}
	for i := range 1 + len(m.replay.faults)%2 {
		go m.attend(w.newActor(fmt.Sprintf("attendant-%s-%d", m.replay.id, i)))
	}
	for i := range m.replay.forgetful {
		go m.forget(w.newActor(fmt.Sprintf("forgetful-%s-%d", m.replay.id, i)))
	}
	if m.replay == w.order[0] {
		go w.reconcile(w.newActor("reconciler"))
	}
}

// attend plays a person who continues a replay whenever it has failed, as long as that
// may help.
func (m *machine) attend(driver *actor) {
	r := m.replay
	for i := range maxFaults + 2 {
		if !driver.await("a failure", 0, func() bool { return r.status == replay.Failed }) ||
			driver.pause(driver.ctx, driver.random.Int64N(60_000)) != nil {
			return
		}
		if driver.random.IntN(3) == 0 { // from the console
			started := m.world.startExecution(r, fmt.Sprintf("%s-%d", driver.name, i))
			if !driver.await("the execution", 0, func() bool { return started.over || r.status != replay.Failed }) {
				return
			}
			continue
		}
		answer, alive := m.ask(driver, "continue", func(ctx context.Context, a *actor) error {
			_, err := m.world.serviceOf(a).Continue(ctx, r.id)
			return err
		})
		if !alive || errors.Is(answer, replay.ErrCannotContinue) {
			return
		}
	}
}

// forget plays a person who pauses a replay, dies while letting it go on, and never
// comes back.
func (m *machine) forget(driver *actor) {
	if driver.pause(driver.ctx, driver.random.Int64N(40_000)) != nil || !m.pause(driver) ||
		driver.pause(driver.ctx, driver.random.Int64N(60_000)) != nil {
		return
	}
	m.begunToResume()
	inv := invoke(m.world, "resume", functionTimeout, act(func(ctx context.Context, a *actor) error {
		a.crashAt = 3 + a.random.IntN(4) // having written the row, mostly
		_, err := m.world.serviceOf(a).Resume(ctx, m.replay.id)
		return err
	}))
	if !driver.await("resume", 0, func() bool { return inv.ended }) {
		return
	}
	m.settled(func() { m.replay.resuming-- })
	// If not even the row was written, the replay is paused for good: the next one
	// resumes it.
	if m.replay.row.Paused {
		m.resume(driver)
	}
}

// reconcile plays the platform's schedule, as long as somebody has left something behind.
func (w *world) reconcile(driver *actor) {
	for {
		if !driver.await("leftovers", 0, w.leftover) || driver.pause(driver.ctx, 1+driver.random.Int64N(30_000)) != nil {
			return
		}
		_, err, alive := run(driver, "reconcile", functionTimeout, act(func(ctx context.Context, a *actor) error {
			return w.serviceOf(a).Reconcile(ctx)
		}))
		if !alive || (err != nil && !passing(err)) {
			return
		}
	}
}

// leftover reports whether an execution waits for nothing, or has not begun.
func (w *world) leftover() bool {
	for _, r := range w.order {
		never := r.row.Attempt() > 0 && r.row.Started == nil && !r.status.Ended()
		if never || len(r.row.Unreleased()) > 0 || w.openedLate(r) {
			return true
		}
	}
	return false
}

// openedLate reports whether a replay is open although its execution is over.
func (w *world) openedLate(r *replayModel) bool {
	m := w.machineOf(r.row.Execution())
	return r.status != "" && !r.status.Ended() && m != nil && m.over
}
