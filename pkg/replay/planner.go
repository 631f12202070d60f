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
	plan, err := divide(weights, row.Request, p.Width)
	if err != nil {
		return Row{}, fmt.Errorf("plan replay %s: %w", id, err)
	}
	if plan, err = p.keepPlan(ctx, row.present(), plan); err != nil {
		return Row{}, err
	}
	return p.enter(ctx, row, cut, plan)
}

// enter records the plan in the replay's row, and as its cut the time at which the
// first of its lanes was frozen, which may have been in an earlier attempt.
func (p *Planner) enter(ctx context.Context, planned Row, cut time.Time, plan Plan) (Row, error) {
	lanes := plan.lanes()
	plans, err := p.Store.LoadLanePlans(ctx, planned, lanes)
	if err != nil {
		return Row{}, err
	}
	for _, lane := range plans {
		// An earlier release stored plans without the time.
		if !lane.Frozen.IsZero() && lane.Frozen.Before(cut) {
			cut = lane.Frozen
		}
	}
	return p.Store.Update(ctx, planned.ID, func(row *Row) error {
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
func (p *Planner) planLane(ctx context.Context, row Row, plan LanePlan) (weight, error) {
	key := row.present().lane(plan.Lane)
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
	w, _, err := p.weigh(ctx, row.Request, stored, nil)
	return w, err
}

// cutLane stores the cut of a lane and returns the stored one, which may be that of
// another attempt.
func (p *Planner) cutLane(ctx context.Context, row Row, plan LanePlan) (LanePlan, error) {
	if len(plan.Scopes) == 0 {
		var err error
		if _, plan.Expect, err = p.weigh(ctx, row.Request, plan, nil); err != nil {
			return LanePlan{}, err
		}
	}
	key := row.present().lane(plan.Lane)
	if err := p.storeOnce(ctx, key, plan); err != nil {
		return LanePlan{}, err
	}
	stored, _, err := control.Load[LanePlan](ctx, p.Store.Table, key)
	return stored, err
}

// weigh sums up the manifests of the buckets of a lane that the replay reads, and
// calls each, which may be nil, for every one.
func (p *Planner) weigh(
	ctx context.Context, r Request, plan LanePlan, each func(eventlog.Bucket, *eventlog.Manifest),
) (weight, Sum, error) {
	w := weight{lane: plan.Lane, buckets: make(map[eventlog.Bucket]int64)}
	var sum Sum
	from, to := bucketRange(r, p.Width)
	err := p.Heads.Manifests(ctx, plan.Lane, plan.Head, from, to, func(b eventlog.Bucket, m eventlog.Manifest) error {
		sum.addSum(Sum{Count: m.Count, Bytes: m.Bytes, Digest: m.Digest})
		w.buckets[b] += m.Bytes
		w.bytes += m.Bytes
		if each != nil {
			each(b, &m)
		}
		return nil
	})
	return w, sum, err
}

// planScopes stores the buckets of the selected entities. Every bucket of an entity
// weighs the same.
func (p *Planner) planScopes(ctx context.Context, row Row, plan LanePlan) (weight, error) {
	return p.weighScopes(ctx, row.Request, plan, func(entity string, list []eventlog.Bucket) error {
		if err := p.storeOnce(ctx, scopeKey(row.ID, entity), list); err != nil {
			return fmt.Errorf("store buckets of an entity: %w", err)
		}
		return nil
	})
}

// weighScopes calls each for every selected entity of a lane, with the list of its
// buckets.
func (p *Planner) weighScopes(
	ctx context.Context, r Request, plan LanePlan, each func(entity string, list []eventlog.Bucket) error,
) (weight, error) {
	from, to := bucketRange(r, p.Width)
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

// Parallel is how many segment readers may run at a time: what an operator set, or what
// the request asks for.
func (r *Row) Parallel() int {
	if r.Parallelism != nil {
		return *r.Parallelism
	}
	return r.Request.Parallelism
}

// Readers is Parallel within the platform's bound. There are never more readers at work
// than the plan has lane groups.
func (r *Row) Readers() int {
	if r.MaxReaders > 0 {
		return min(r.Parallel(), r.MaxReaders)
	}
	return r.Parallel()
}

// SetParallelism sets how many segment readers of a replay may run at a time, for its
// next map runs. It returns ErrRequest for a number that no replay may have, and ErrEnded
// after the replay's end.
func (s Store) SetParallelism(ctx context.Context, id string, n int) (Row, error) {
	if n < 1 || n > MaxParallelism {
		return Row{}, fmt.Errorf("%w: parallelism %d is not between 1 and %d", ErrRequest, n, MaxParallelism)
	}
	return s.Update(ctx, id, func(row *Row) error {
		if row.Cancel {
			return ErrEnded
		}
		if row.Parallel() == n {
			return control.Unchanged()
		}
		row.Parallelism = &n
		return nil
	})
}

// Bound records the platform's bound of segment readers, 0 for none. A replay that has
// ended keeps the one that it had.
func (s Store) Bound(ctx context.Context, id string, readers int) error {
	_, err := s.Update(ctx, id, func(row *Row) error {
		if row.MaxReaders == readers {
			return control.Unchanged()
		}
		row.MaxReaders = readers
		return nil
	})
	if errors.Is(err, ErrEnded) {
		return nil
	}
	return err
}
