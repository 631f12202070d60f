package planning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// Planner plans replays. It is safe for concurrent use.
type Planner struct {
	Store   replay.Store
	Heads   eventlog.Heads
	Lanes   *event.Lanes
	Width   eventlog.Width
	Buckets replay.EntityBuckets
}

// Plan freezes the cut of a replay and divides it. It is idempotent: it keeps a plan
// that exists already.
func (p *Planner) Plan(ctx context.Context, id string) (replay.Row, error) {
	row, err := p.Store.Load(ctx, id)
	if err != nil {
		return replay.Row{}, err
	}
	if row.Cut != nil || row.Status.Ended() {
		return row, nil
	}
	cut := p.Store.Now().UTC()
	heads, err := p.Heads.LoadAll(ctx, p.Lanes.Count())
	if err != nil {
		return replay.Row{}, err
	}
	weights, err := p.planLanes(ctx, row, heads, p.Store.Now().UTC())
	if err != nil {
		return replay.Row{}, fmt.Errorf("plan replay %s: %w", id, err)
	}
	plan, err := divide(weights, row.Request, p.Width)
	if err != nil {
		return replay.Row{}, fmt.Errorf("plan replay %s: %w", id, err)
	}
	if plan, err = p.Store.KeepPlan(ctx, row.Present(), plan); err != nil {
		return replay.Row{}, err
	}
	return p.enter(ctx, row, cut, plan)
}

// enter records the plan in the replay's row, and as its cut the time at which the
// first of its lanes was frozen, which may have been in an earlier attempt.
func (p *Planner) enter(
	ctx context.Context, planned replay.Row, cut time.Time, plan replay.Plan,
) (replay.Row, error) {
	lanes := plan.Lanes()
	plans, err := p.Store.LoadLanePlans(ctx, planned, lanes)
	if err != nil {
		return replay.Row{}, err
	}
	for _, lane := range plans {
		// An earlier release stored plans without the time.
		if !lane.Frozen.IsZero() && lane.Frozen.Before(cut) {
			cut = lane.Frozen
		}
	}
	return p.Store.Update(ctx, planned.ID, func(row *replay.Row) error {
		if row.Cut != nil {
			return control.Unchanged()
		}
		row.Cut, row.Status = &cut, replay.Running
		row.Groups, row.Slices, row.Lanes = len(plan.Groups), len(plan.Slices), lanes
		for _, lane := range plans {
			row.Total += lane.Expect.Count
		}
		return nil
	})
}

func (p *Planner) planLanes(
	ctx context.Context, row replay.Row, heads []eventlog.Head, frozen time.Time,
) ([]weight, error) {
	scopes := p.scopes(row.Request)
	weights := make([]weight, len(heads))
	plan := func(ctx context.Context, i int, lane event.Lane) (err error) {
		if scopes != nil && len(scopes[lane]) == 0 {
			return nil
		}
		cut := replay.LanePlan{Lane: lane, Head: heads[i], Frozen: frozen, Scopes: scopes[lane]}
		weights[i], err = p.planLane(ctx, row, cut)
		return err
	}
	return weights, datastore.EachLane(ctx, event.AllLanes(len(heads)), plan)
}

func (p *Planner) scopes(r replay.Request) map[event.Lane][]string {
	if !r.Scoped() {
		return nil
	}
	scopes := make(map[event.Lane][]string)
	for _, entity := range r.Entities {
		lane := p.Lanes.Of(entity)
		scopes[lane] = append(scopes[lane], entity)
	}
	return scopes
}

// planLane stores the cut of one lane, or takes the one that another attempt
// stored, and weighs it. The rest of the lane's plan follows from the stored cut, so
// that two attempts agree.
func (p *Planner) planLane(ctx context.Context, row replay.Row, plan replay.LanePlan) (weight, error) {
	found, err := p.Store.LoadLanePlans(ctx, row, []event.Lane{plan.Lane})
	stored := found[plan.Lane]
	if errors.Is(err, control.ErrNotFound) {
		stored, err = p.cutLane(ctx, row, plan)
	}
	if err != nil {
		return weight{}, fmt.Errorf("cut lane %s: %w", plan.Lane, err)
	}
	if len(stored.Scopes) > 0 {
		return p.planScopes(ctx, row, stored)
	}
	w, _, err := p.weigh(ctx, row.Request, stored, nil)
	return w, err
}

// cutLane stores the cut of a lane and returns the stored one, which may be that of
// another attempt.
func (p *Planner) cutLane(ctx context.Context, row replay.Row, plan replay.LanePlan) (replay.LanePlan, error) {
	if len(plan.Scopes) == 0 {
		var err error
		if _, plan.Expect, err = p.weigh(ctx, row.Request, plan, nil); err != nil {
			return replay.LanePlan{}, err
		}
	}
	return p.Store.KeepLanePlan(ctx, row.Present(), plan)
}

// planScopes stores the buckets of the selected entities. Every bucket of an entity
// weighs the same.
func (p *Planner) planScopes(ctx context.Context, row replay.Row, plan replay.LanePlan) (weight, error) {
	return p.weighScopes(ctx, row.Request, plan, func(entity string, list []eventlog.Bucket) error {
		return p.Store.KeepScope(ctx, row.ID, entity, list)
	})
}

// weighScopes calls each for every selected entity of a lane, with the list of its
// buckets.
func (p *Planner) weighScopes(
	ctx context.Context, r replay.Request, plan replay.LanePlan, each func(entity string, list []eventlog.Bucket) error,
) (weight, error) {
	from, to := replay.BucketRange(r, p.Width)
	w := weight{lane: plan.Lane, buckets: make(map[eventlog.Bucket]int64)}
	for _, entity := range plan.Scopes {
		buckets, err := p.Buckets(ctx, plan.Lane, entity, plan.Head)
		if err != nil {
			return weight{}, fmt.Errorf("find buckets of an entity: %w", err)
		}
		var list []eventlog.Bucket
		for _, b := range buckets {
			if b < from || (to != "" && b >= to) {
				continue
			}
			list = eventlog.AddBucket(list, b)
			w.buckets[b]++
			w.bytes++
		}
		if err := each(entity, list); err != nil {
			return weight{}, err
		}
	}
	return w, nil
}
