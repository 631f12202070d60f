package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay/request"
)

// EntityBuckets finds the buckets in which an entity of a lane has events up to a head.
type EntityBuckets func(context.Context, event.Lane, string, eventlog.Head) ([]eventlog.Bucket, error)

// Slice is a time range of the plan: buckets [From, To), with "" for no end.
type Slice struct {
	From   eventlog.Bucket `json:"from"`
	To     eventlog.Bucket `json:"to"`
	Weight int64           `json:"weight"`
}

// Group is the lanes that one reader reads, slice after slice.
type Group struct {
	Lanes  []event.Lane `json:"lanes"`
	Weight int64        `json:"weight"`
}

// Plan divides a replay into slices and groups; a segment is a group in a slice.
type Plan struct {
	// First is the number of slices of earlier cuts, whose numbers come before those of
	// Slices.
	First  int     `json:"first,omitempty"`
	Slices []Slice `json:"slices"`
	Groups []Group `json:"groups"`
}

// LanePlan is the cut of one lane: what the replay covers, regardless of what
// arrives later.
type LanePlan struct {
	Lane event.Lane    `json:"lane"`
	Head eventlog.Head `json:"head"`
	// Frozen is a time after the head was read: what it covers was written before.
	Frozen time.Time `json:"frozen"`
	// Expect is the sum of the manifests of the buckets that the replay reads,
	// zero for a replay of single entities.
	Expect Sum `json:"expect"`
	// Scopes are the selected entities of the lane; empty means all.
	Scopes []string `json:"scopes,omitempty"`
	// After and Start are set once the cut was moved: events up to After are those of
	// earlier cuts and not read again, and reading begins at Start. Expect covers
	// them all.
	After event.Position `json:"after,omitempty"`
	Start Checkpoint     `json:"start,omitzero"`
}

// MaxCatchUps bounds how often the cut of a replay is moved, and so its documents. At a
// retention of a day that is more than a year of passes.
const MaxCatchUps = 1000

// ErrNeverCatchesUp says that the cut of a rebuild was moved as often as it may be: the log
// grows as fast as the rebuild reads it.
var ErrNeverCatchesUp = errors.New("the rebuild does not catch up with the log: " +
	"it needs a higher rate or more readers")

// End is the number of all slices, those of earlier cuts included.
func (p *Plan) End() int { return p.First + len(p.Slices) }

func scopeKey(id, entity string) control.Key {
	return control.Key{Partition: Partition(id), Sort: "scope#" + event.EscapeEntity(entity)}
}

// LoadPlan returns the plan of a replay's present cut, or control.ErrNotFound before there
// is one.
func (s Store) LoadPlan(ctx context.Context, row Row) (Plan, error) {
	return s.loadPlan(ctx, row.Present())
}

// KeepPlan stores the plan of a cut and returns the stored one: an earlier attempt may have
// stored its own, which then decides.
func (s Store) KeepPlan(ctx context.Context, at CutRef, plan Plan) (Plan, error) {
	if err := s.storeOnce(ctx, at.plan(), plan); err != nil {
		return Plan{}, fmt.Errorf("store plan of replay %s: %w", at.Replay, err)
	}
	return s.loadPlan(ctx, at)
}

func (s Store) loadPlan(ctx context.Context, at CutRef) (Plan, error) {
	plan, _, err := control.Load[Plan](ctx, s.Table, at.plan())
	if err != nil {
		return Plan{}, fmt.Errorf("load plan of replay %s: %w", at.Replay, err)
	}
	return plan, nil
}

// LoadLanePlans returns the present cuts of lanes of a replay, or control.ErrNotFound if
// any of them does not exist.
func (s Store) LoadLanePlans(ctx context.Context, row Row, lanes []event.Lane) (map[event.Lane]LanePlan, error) {
	return s.LoadLanePlansOf(ctx, row.Present(), lanes)
}

// KeepLanePlan stores the plan of a lane in a cut and returns the stored one, which may be
// that of another attempt.
func (s Store) KeepLanePlan(ctx context.Context, at CutRef, plan LanePlan) (LanePlan, error) {
	if err := s.storeOnce(ctx, at.lane(plan.Lane), plan); err != nil {
		return LanePlan{}, fmt.Errorf("store plan of a lane: %w", err)
	}
	stored, _, err := control.Load[LanePlan](ctx, s.Table, at.lane(plan.Lane))
	return stored, err
}

// KeepScope stores the buckets that a replay reads for one of its entities, unless they
// are stored already.
func (s Store) KeepScope(ctx context.Context, id, entity string, buckets []eventlog.Bucket) error {
	if err := s.storeOnce(ctx, scopeKey(id, entity), buckets); err != nil {
		return fmt.Errorf("store buckets of an entity: %w", err)
	}
	return nil
}

// LoadScope returns the buckets that a replay reads for one of its entities.
func (s Store) LoadScope(ctx context.Context, id, entity string) ([]eventlog.Bucket, error) {
	buckets, _, err := control.Load[[]eventlog.Bucket](ctx, s.Table, scopeKey(id, entity))
	if err != nil {
		return nil, fmt.Errorf("load buckets of an entity: %w", err)
	}
	return buckets, nil
}

// KeepStart stores where reading of a lane begins in a moved cut, unless it has begun.
func (s Store) KeepStart(ctx context.Context, at CutRef, lane event.Lane, start Checkpoint) error {
	if err := s.storeOnce(ctx, at.checkpoint(Track{Lane: lane}), start); err != nil {
		return fmt.Errorf("store where reading begins: %w", err)
	}
	return nil
}

// storeOnce stores value unless the document exists already.
func (s Store) storeOnce(ctx context.Context, key control.Key, value any) error {
	_, err := control.Store(ctx, s.Table, key, value, "")
	if errors.Is(err, control.ErrConflict) {
		return nil
	}
	return err
}

// LoadLanePlansOf returns the plans of lanes in any cut, as LoadLanePlans does.
func (s Store) LoadLanePlansOf(ctx context.Context, at CutRef, lanes []event.Lane) (map[event.Lane]LanePlan, error) {
	plans, err := loadEach[LanePlan](ctx, s.Table, lanes, at.lane)
	if err == nil && len(plans) != len(lanes) {
		err = fmt.Errorf("%d of %d lane plans: %w", len(plans), len(lanes), control.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("load cut of replay %s: %w", at.Replay, err)
	}
	return plans, nil
}

// Lanes returns the lanes of all groups, ascending.
func (p *Plan) Lanes() []event.Lane {
	var lanes []event.Lane
	for _, g := range p.Groups {
		lanes = append(lanes, g.Lanes...)
	}
	slices.Sort(lanes)
	return lanes
}

// GroupsPerReader is the number of lane groups for each reader that may run at a time, so
// that a reader that finishes early gets another group.
const GroupsPerReader = 2

// MaxChildren bounds the segment readers that a map run starts, since their results
// have to fit into one payload.
const MaxChildren = GroupsPerReader * MaxParallelism

// Children is the number of segment readers that a map run starts: one for each lane
// group, or, in an unordered replay, for each group and slice.
func Children(r Request, groups, slices int) int {
	if r.Order() == request.Unordered {
		return min(groups*slices, MaxChildren)
	}
	return groups
}

// BucketRange is the range [from, to) of buckets that a request reads.
func BucketRange(r Request, width eventlog.Width) (from, to eventlog.Bucket) {
	if r.From != nil {
		from = width.Of(r.From.UnixMilli())
	}
	if r.To != nil {
		last := width.Of(r.To.UnixMilli() - 1)
		if _, end, err := width.Range(last); err == nil {
			to = width.Of(end)
		}
	}
	return from, to
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
