package simulation

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/replay/cutover"
)

// choosing is the stream of the random source for approvals and choices.
const choosing = 12

// chooseChoices draws from its own random source, so that a seed's world does not change
// unless people decide about its generations.
func (w *world) chooseChoices() {
	r := rand.New(rand.NewPCG(w.seed, choosing))
	// Three generations that follow a long history take more steps than a schedule has.
	if w.drawn.choices = r.IntN(3) == 0 && w.attacks.choices && !w.shape.long; !w.drawn.choices {
		return
	}
	for _, of := range w.order {
		of.request.Ask = of.request.Promote && r.IntN(2) == 0
		of.hesitant = r.IntN(3)
	}
	w.choosers = r.IntN(3)
}

// approve plays a person who approves the promotion that a replay asks for, or declines if
// it can never succeed.
func (m *machine) approve(driver *actor) {
	r := m.replay
	if !driver.await("a question", 0, func() bool { return r.row.Asked != nil }) ||
		driver.pause(driver.ctx, driver.random.Int64N(60_000)) != nil {
		return
	}
	driver.dying = r.hesitant
	answer, alive := m.ask(driver, "approve", func(ctx context.Context, a *actor) error {
		_, _, err := m.world.serviceOf(a).Approve(ctx, cutover.Choice{Generation: r.generation})
		return err
	})
	if alive && errors.Is(answer, datastore.ErrLost) {
		_, _ = m.ask(driver, "decline", func(ctx context.Context, a *actor) error {
			_, err := m.world.serviceOf(a).Cancel(ctx, r.id)
			return err
		})
	}
}

// chooses plays a person who goes back to the generation before, or makes any other one
// active. A choice that is refused, or dies, is not repeated.
func (w *world) chooses(driver *actor) {
	for range 2 + driver.random.IntN(6) {
		if !driver.await("another generation", 0, w.hasChoice) ||
			driver.pause(driver.ctx, driver.random.Int64N(20_000)) != nil {
			return
		}
		choice := w.drawChoice(driver)
		inv := invoke(w, "choose", functionTimeout, act(func(ctx context.Context, a *actor) error {
			_, err := w.promoterOf(a).Choose(ctx, choice, a.name, w.clock().Add(8*time.Second))
			return err
		}))
		if driver.random.IntN(3) == 0 {
			inv.actor.crashAt = 1 + driver.random.IntN(60)
		}
		if !driver.await("choice", 0, func() bool { return inv.ended }) {
			return
		}
		w.gate.mu.Lock()
		if inv.err == nil {
			w.chosen++
		}
		w.gate.mu.Unlock()
	}
}

func (w *world) drawChoice(driver *actor) cutover.Choice {
	w.gate.mu.Lock()
	defer w.gate.mu.Unlock()
	registered := w.registryState()
	accept := driver.random.IntN(2) == 0
	if registered.Previous != "" && driver.random.IntN(2) == 0 {
		return cutover.Choice{Generation: registered.Previous, Instead: registered.Active, AcceptParked: accept}
	}
	if len(registered.Generations) == 0 {
		return cutover.Choice{Generation: datastore.FirstGeneration}
	}
	one := registered.Generations[driver.random.IntN(len(registered.Generations))]
	return cutover.Choice{Generation: one.ID, AcceptParked: accept}
}

// hasChoice reports whether a generation follows that is not the active one, and about
// which no replay decides any more.
func (w *world) hasChoice() bool {
	for id, status := range w.statuses {
		if r := w.replays[w.owners[id]]; status == datastore.Following && (r == nil || r.status.Ended()) {
			return true
		}
	}
	return false
}

// TestChosenGenerations runs schedules in which replays ask before they promote, and people
// approve, promote and roll back at any time.
func TestChosenGenerations(t *testing.T) {
	if testing.Short() {
		t.Skip("meets what it is for in many schedules only")
	}
	f := makeFixtures(t).only(attacks{pauses: true, cancels: true, continues: true, choices: true})
	approved, chosen := 0, 0
	for seed := range uint64(schedules(t) / 5) {
		w := runSeed(t, f, seed+1, plant{}, false)
		if w.broken != nil {
			reportBroken(t, f, w, 150)
			return
		}
		chosen += w.chosen
		for _, r := range w.order {
			if r.row.Approval != nil && r.promoted {
				approved++
			}
		}
	}
	if approved == 0 || chosen == 0 {
		t.Errorf("%d promotions were approved, %d generations chosen", approved, chosen)
	}
	t.Logf("%d promotions were approved, %d generations chosen", approved, chosen)
}
