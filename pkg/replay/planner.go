package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

const (
	// groupsPerReader is the number of lane groups for each reader that may run
	// at a time, so that a reader that finishes early gets another group.
	groupsPerReader = 2
)

// EntityBuckets finds the buckets in which an entity of a lane has events up to a head.
type EntityBuckets func(context.Context, event.Lane, string, eventlog.Head) ([]eventlog.Bucket, error)

// Planner plans replays. It is safe for concurrent use.
type Planner struct {
	Store   Store
	Heads   eventlog.Heads
	Lanes   *event.Lanes
	Width   eventlog.Width
	Buckets EntityBuckets
}

// Plan freezes the cut of a replay and divides it. It is idempotent: it keeps a plan
// that exists already.
func (p *Planner) Plan(ctx context.Context, id string) (Row, error) {
	row, err := p.Store.Load(ctx, id)
	if err != nil {
		return Row{}, err
	}
	if row.Cut != nil || row.Status.Ended() {
		return row, nil
	}
	cut := p.Store.Now().UTC()
	heads, err := p.Heads.LoadAll(ctx, p.Lanes.Count())
	if err != nil {
		return Row{}, err
	}
	weights, err := p.planLanes(ctx, row, heads, p.Store.Now().UTC())
	if err != nil {
		return Row{}, fmt.Errorf("plan replay %s: %w", id, err)
	}
	plan := divide(weights, groupsPerReader*row.Request.Parallelism)
	if err := p.storeOnce(ctx, planKey(id), plan); err != nil {
		return Row{}, fmt.Errorf("store plan of replay %s: %w", id, err)
	}
	// An earlier attempt may have stored its plan: that one decides.
	if plan, err = p.Store.loadPlan(ctx, id); err != nil {
		return Row{}, err
	}
	return p.enter(ctx, id, cut, plan)
}

// enter records the plan in the replay's row, and as its cut the time at which the
// first of its lanes was frozen, which may have been in an earlier attempt.
func (p *Planner) enter(ctx context.Context, id string, cut time.Time, plan Plan) (Row, error) {
	lanes := plan.lanes()
	plans, err := p.Store.LoadLanePlans(ctx, id, lanes)
	if err != nil {
		return Row{}, err
	}
	for _, lane := range plans {
		// An earlier release stored plans without the time.
		if !lane.Frozen.IsZero() && lane.Frozen.Before(cut) {
			cut = lane.Frozen
		}
	}
	return p.Store.Update(ctx, id, func(row *Row) error {
		if row.Cut != nil {
			return control.Unchanged()
		}
		row.Cut, row.Status = &cut, Running
		row.Groups, row.Slices, row.Lanes = len(plan.Groups), len(plan.Slices), lanes
		for _, lane := range plans {
			row.Total += lane.Expect.Count
		}
		return nil
	})
}

// storeOnce stores value unless the document exists already.
func (p *Planner) storeOnce(ctx context.Context, key control.Key, value any) error {
	_, err := control.Store(ctx, p.Store.Table, key, value, "")
	if errors.Is(err, control.ErrConflict) {
		return nil
	}
	return err
}

// weight is the weight of one lane, in total and by bucket.
type weight struct {
	lane    event.Lane
	bytes   int64
	buckets map[eventlog.Bucket]int64
}

func (p *Planner) planLanes(ctx context.Context, row Row, heads []eventlog.Head, frozen time.Time) ([]weight, error) {
	scopes := p.scopes(row.Request)
	weights := make([]weight, len(heads))
	plan := func(ctx context.Context, i int, lane event.Lane) (err error) {
		if scopes != nil && len(scopes[lane]) == 0 {
			return nil
		}
		cut := LanePlan{Lane: lane, Head: heads[i], Frozen: frozen, Scopes: scopes[lane]}
		weights[i], err = p.planLane(ctx, row, cut)
		return err
	}
	return weights, datastore.EachLane(ctx, event.AllLanes(len(heads)), plan)
}

func (p *Planner) scopes(r Request) map[event.Lane][]string {
	if len(r.Entities) == 0 {
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
func (p *Planner) planLane(ctx context.Context, row Row, plan LanePlan) (weight, error) {
	key := lanePlanKey(row.ID, plan.Lane)
	stored, _, err := control.Load[LanePlan](ctx, p.Store.Table, key)
	if errors.Is(err, control.ErrNotFound) {
		stored, err = p.cutLane(ctx, row, plan)
	}
	if err != nil {
		return weight{}, fmt.Errorf("cut lane %s: %w", plan.Lane, err)
	}
	if len(stored.Scopes) > 0 {
		return p.planScopes(ctx, row, stored)
	}
	w, _, err := p.weigh(ctx, row, stored)
	return w, err
}

// cutLane stores the cut of a lane and returns the stored one, which may be that of
// another attempt.
func (p *Planner) cutLane(ctx context.Context, row Row, plan LanePlan) (LanePlan, error) {
	if len(plan.Scopes) == 0 {
		var err error
		if _, plan.Expect, err = p.weigh(ctx, row, plan); err != nil {
			return LanePlan{}, err
		}
	}
	key := lanePlanKey(row.ID, plan.Lane)
	if err := p.storeOnce(ctx, key, plan); err != nil {
		return LanePlan{}, err
	}
	stored, _, err := control.Load[LanePlan](ctx, p.Store.Table, key)
	return stored, err
}

// weigh sums up the manifests of the buckets of a lane that the replay reads.
func (p *Planner) weigh(ctx context.Context, row Row, plan LanePlan) (weight, Sum, error) {
	w := weight{lane: plan.Lane, buckets: make(map[eventlog.Bucket]int64)}
	var sum Sum
	from, to := bucketRange(row.Request, p.Width)
	err := p.Heads.Manifests(ctx, plan.Lane, plan.Head, from, to, func(b eventlog.Bucket, m eventlog.Manifest) error {
		sum.addSum(Sum{Count: m.Count, Bytes: m.Bytes, Digest: m.Digest})
		w.buckets[b] += m.Bytes
		w.bytes += m.Bytes
		return nil
	})
	return w, sum, err
}

// planScopes stores the buckets of the selected entities. Every bucket of an entity
// weighs the same.
func (p *Planner) planScopes(ctx context.Context, row Row, plan LanePlan) (weight, error) {
	from, to := bucketRange(row.Request, p.Width)
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
		if err := p.storeOnce(ctx, scopeKey(row.ID, entity), list); err != nil {
			return weight{}, fmt.Errorf("store buckets of an entity: %w", err)
		}
	}
	return w, nil
}
