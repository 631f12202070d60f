package simulation

import (
	"context"
	"math/rand/v2"
	"testing"

	"reprise/pkg/replay"
	"reprise/pkg/replay/request"
)

// budgetStream is the stream of the random source for budgets.
const budgetStream = 10

// fortune is a replay's budget as the model sees it.
type fortune struct {
	// stopped is true while the replay is paused since its budget is used up, stops
	// counts how often that began.
	stopped bool
	stops   int
}

// chooseBudgets draws from its own random source, so that a seed's world does not change
// unless one of its replays has a budget.
func (w *world) chooseBudgets() {
	r := rand.New(rand.NewPCG(w.seed, budgetStream))
	if !w.attacks.pauses {
		return
	}
	for _, replay := range w.order {
		if r.IntN(4) == 0 {
			replay.request.Budget = w.drawBudget(r)
		}
	}
}

// drawBudget draws a budget that may be used up by the plan, during any page, or never.
func (w *world) drawBudget(r *rand.Rand) *request.Budget {
	most := 10*w.lanes.Count() + 40 + 4*w.shape.events
	if r.IntN(2) == 0 {
		return &request.Budget{ReadUnits: 1 + r.Int64N(int64(most))}
	}
	return &request.Budget{Dollars: 1 + request.Money(r.IntN(most))}
}

// sawBudget follows whether the budget has stopped a replay, which must be true then.
func (w *world) sawBudget(r *replayModel, row *replay.Row) {
	by := row.PausedBy
	if by != nil && !r.fortune.stopped {
		r.fortune.stops++
		if by.Spent.Dollars < by.Budget.Dollars || by.Spent.ReadUnits < by.Budget.ReadUnits || by.Budget.None() {
			w.breakf(resumability, "replay %s is paused: %s", r.id, by.Cause)
		}
	}
	r.fortune.stopped = by != nil
}

// fund plays a person who raises the budget of a replay whenever it is used up, and at
// last lifts it, and each time lets the replay go on.
func (m *machine) fund(driver *actor) {
	r := m.replay
	budget := *r.request.Budget
	for {
		// A replay that has failed may be continued.
		if !driver.await("budget", 0, func() bool { return r.fortune.stopped && !r.status.Ended() }) ||
			driver.pause(driver.ctx, 1+driver.random.Int64N(30_000)) != nil {
			return
		}
		budget = request.Budget{Dollars: 2 * budget.Dollars, ReadUnits: 2 * budget.ReadUnits}
		if driver.random.IntN(4) == 0 {
			budget = request.Budget{}
		}
		raised := budget
		refused, alive := m.ask(driver, "raise", func(ctx context.Context, a *actor) error {
			_, err := m.world.serviceOf(a).SetBudget(ctx, r.id, raised)
			return err
		})
		if !alive || !m.resume(driver) || (refused == nil && budget.None()) {
			return
		}
	}
}

// TestReplaysWithBudgets runs schedules in which budgets stop replays, and people raise
// them and let the replays go on. Everything arrives exactly once in effect.
func TestReplaysWithBudgets(t *testing.T) {
	f := makeFixtures(t).only(attacks{pauses: true, cancels: true})
	stops, waits, finished := 0, 0, 0
	for seed := range uint64(schedules(t) / 8) {
		w := runSeed(t, f, seed+1, plant{}, false)
		if w.broken != nil {
			reportBroken(t, f, w, 150)
			return
		}
		for _, r := range w.order {
			stops += r.fortune.stops
			if r.fortune.stops > 0 {
				waits += r.paused
			}
			if r.fortune.stops > 0 && r.status == replay.Succeeded {
				finished++
			}
		}
	}
	if stops == 0 || waits == 0 || finished == 0 {
		t.Errorf("budgets stopped %d times, executions waited %d times, %d replays succeeded", stops, waits, finished)
	}
	t.Logf("budgets stopped %d times, executions waited %d times, %d of the replays succeeded", stops, waits, finished)
}
