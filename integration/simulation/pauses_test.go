package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// pauseStream is the stream of the random source for pauses.
const pauseStream = 9

// choosePauses draws from its own random source, so that a seed's world does not change
// unless people pause its replays.
func (w *world) choosePauses() {
	r := rand.New(rand.NewPCG(w.seed, pauseStream))
	if w.drawn.pauses = r.IntN(3) == 0 && w.attacks.pauses; !w.drawn.pauses {
		return
	}
	for _, replay := range w.order {
		replay.pauses = r.IntN(3)
	}
	steps := []string{"plan", "read", "drain", "prove", "follow", "promote", "promote", "promote"}
	for _, replay := range w.order {
		replay.pauseAt = cutIn{drawn: r.IntN(2) == 0, step: steps[r.IntN(len(steps))], call: 1 + r.IntN(30),
			freeze: r.IntN(3) == 0, dying: r.IntN(3)}
	}
}

// interrupt plays a person who pauses a replay in the middle of a step.
func (m *machine) interrupt(driver *actor) {
	at := &m.replay.pauseAt
	if !driver.await(at.step, 0, func() bool { return at.calls >= at.call }) {
		return
	}
	driver.dying = at.dying
	if m.pause(driver) && driver.pause(driver.ctx, driver.random.Int64N(60_000)) == nil {
		m.resume(driver)
	}
}

// steer plays a person who pauses and resumes a replay a few times. Attempts that were
// abandoned end before the next one: a pause that took effect later would be another.
func (m *machine) steer(driver *actor) {
	for range 1 + driver.random.IntN(3) {
		if driver.pause(driver.ctx, driver.random.Int64N(40_000)) != nil {
			return
		}
		if !m.pause(driver) || driver.pause(driver.ctx, driver.random.Int64N(60_000)) != nil || !m.resume(driver) {
			return
		}
	}
}

// ask repeats something until there is an answer, which is nil or a refusal.
func (m *machine) ask(driver *actor, name string, do func(context.Context, *actor) error) (answer error, alive bool) {
	for {
		inv := invoke(m.world, name, functionTimeout, act(do))
		if driver.dying > 0 {
			driver.dying--
			inv.actor.crashAt = 1 + driver.random.IntN(4)
		}
		if !driver.await(name, 0, func() bool { return inv.ended }) {
			return errOver, false
		}
		if inv.err == nil || final(inv.err) {
			return inv.err, true
		}
	}
}

// awaitResume is the state of that name: it ends when success was sent for its token.
func (m *machine) awaitResume() bool {
	for {
		m.tokens++
		token := fmt.Sprintf("%s#%d", m.execution, m.tokens)
		inv := invoke(m.world, "await-resume", functionTimeout, act(func(ctx context.Context, a *actor) error {
			return m.world.serviceOf(a).Park(ctx, m.replay.id, token)
		}))
		ended := func() bool {
			return m.stopped || m.world.released[token] || (inv.ended && inv.err != nil)
		}
		if !m.driver.await("resume", 0, ended) || m.stopped {
			return false
		}
		if m.world.released[token] {
			m.replay.paused++
			return true
		}
	}
}

// readUnpaused is readGroups, as often as people pause.
func (m *machine) readUnpaused(groups int) (error, bool) {
	for {
		err, alive := m.readGroups(groups)
		if !alive || !errors.Is(err, errPaused) {
			return err, alive
		}
		if !m.awaitResume() {
			return nil, false
		}
	}
}

// TestPausedReplays runs schedules in which people pause and resume replays, and some
// in which executions really wait.
func TestPausedReplays(t *testing.T) {
	f := makeFixtures(t).only(attacks{pauses: true, cancels: true})
	paused := 0
	for seed := range uint64(schedules(t) / 10) {
		w := runSeed(t, f, seed+1, plant{}, false)
		if w.broken != nil {
			reportBroken(t, f, w, 150)
			return
		}
		for _, r := range w.order {
			paused += r.paused
		}
	}
	if paused == 0 {
		t.Error("no execution ever waited")
	}
	t.Logf("executions waited %d times", paused)
}
