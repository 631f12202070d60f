package forecast

import (
	"context"
	"time"

	"reprise/pkg/replay"
	"reprise/pkg/replay/planning"
)

// Forecaster makes plans. It is safe for concurrent use.
type Forecaster struct {
	Planner *planning.Planner
	// Readers bounds the segment readers that run at a time; 0 means no bound.
	Readers int
	// Charged says that the platform's calls cost money.
	Charged bool
	// Retention is the event stream's, 0 for ever.
	Retention time.Duration
}

// Forecast returns the plan of a request, or replay.ErrRequest. It reads heads,
// manifests and the rows of earlier replays, and changes nothing.
func (f *Forecaster) Forecast(ctx context.Context, asked replay.Request) (Plan, error) {
	asked, err := asked.Normalized()
	if err != nil {
		return Plan{}, err
	}
	seen, err := f.Planner.Preview(ctx, asked)
	if err != nil {
		return Plan{}, err
	}
	past, err := measure(ctx, f.Planner.Store, asked.Rebuild, seen.Events)
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{
		Input:     inputOf(asked),
		Cut:       seen.Cut,
		Readers:   readersOf(asked, f.Readers),
		Lanes:     seen.Lanes,
		Groups:    seen.Groups,
		Slices:    seen.Slices,
		Read:      Range{seen.Events, seen.Events},
		Delivered: Range{seen.Certain, seen.Events},
		Bytes:     seen.Bytes,
	}
	if asked.Scoped() {
		n := len(asked.Entities)
		plan.Entities, plan.Read.AtLeast = &n, 0
	}
	if seen.Events == 0 {
		none := 0
		plan.Entities = &none
	}
	plan.Duration = past.duration(&plan)
	plan.CatchUp = catchUpOf(asked, plan.Duration, f.Retention)
	cost := costOf(asked, &seen, plan.Delivered)
	if f.Charged {
		plan.Cost = &cost
	}
	if asked.Budget != nil {
		plan.Budget = budgetOf(*asked.Budget, cost, f.Charged)
	}
	return plan, nil
}

// readersOf is how many segment readers of a request run at a time on a platform that
// bounds them, 0 for no bound.
func readersOf(r replay.Request, bound int) int {
	if bound > 0 {
		return min(r.Parallelism, bound)
	}
	return r.Parallelism
}
