package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

const (
	// maxSlices bounds the slices of a plan.
	maxSlices = 32
	// groupsPerReader is how many lane groups a plan makes for each reader
	// that may work at a time, so that an early end leaves none idle for long.
	groupsPerReader = 2
	// parallelLanes bounds the lanes that are planned, drained or proved at a
	// time.
	parallelLanes = 16
)

// Slice is a time range of the plan: buckets [From, To), "" for no end.
type Slice struct {
	From   eventlog.Bucket `json:"from"`
	To     eventlog.Bucket `json:"to"`
	Weight int64           `json:"weight"`
}

// Group is the lanes that one reader works through, slice after slice.
type Group struct {
	Lanes  []event.Lane `json:"lanes"`
	Weight int64        `json:"weight"`
}

// Plan is how a replay is divided. A segment is one group over one slice.
type Plan struct {
	Slices []Slice `json:"slices"`
	Groups []Group `json:"groups"`
}

// LanePlan is the cut of one lane: what the replay covers, whatever arrives
// later.
type LanePlan struct {
	Lane event.Lane    `json:"lane"`
	Head eventlog.Head `json:"head"`
	// Frozen is when the head had been read: what it covers was written before.
	Frozen time.Time `json:"frozen"`
	// Expect is the sum of the manifests of the buckets that the replay
	// touches. An entity-scoped replay has none.
	Expect Sum `json:"expect"`
	// Scopes are the entities that it is restricted to; none is all.
	Scopes []string `json:"scopes,omitempty"`
}

func planKey(id string) control.Key {
	return control.Key{Partition: partition(id), Sort: "plan"}
}

func lanePlanKey(id string, lane event.Lane) control.Key {
	return control.Key{Partition: partition(id), Sort: "lane#" + lane.String()}
}

func scopeKey(id, entity string) control.Key {
	return control.Key{Partition: partition(id), Sort: "scope#" + event.EscapeEntity(entity)}
}

func (s Store) loadPlan(ctx context.Context, id string) (Plan, error) {
	plan, _, err := control.Load[Plan](ctx, s.Table, planKey(id))
	if err != nil {
		return Plan{}, fmt.Errorf("load plan of replay %s: %w", id, err)
	}
	return plan, nil
}

func (s Store) loadLanePlans(ctx context.Context, id string, lanes []int) (map[event.Lane]LanePlan, error) {
	keys := make([]control.Key, len(lanes))
	for i, lane := range lanes {
		keys[i] = lanePlanKey(id, event.Lane(lane))
	}
	plans := make(map[event.Lane]LanePlan, len(lanes))
	err := control.LoadAll(ctx, s.Table, keys, func(_ control.Key, p LanePlan) { plans[p.Lane] = p })
	if err == nil && len(plans) != len(lanes) {
		err = fmt.Errorf("%d of %d lane plans: %w", len(plans), len(lanes), control.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("load cut of replay %s: %w", id, err)
	}
	return plans, nil
}

// EntityBuckets finds the buckets in which an entity has events up to a head.
type EntityBuckets func(ctx context.Context, lane event.Lane, entity string, head eventlog.Head) ([]eventlog.Bucket, error)

// Planner makes plans. It is safe for concurrent use.
type Planner struct {
	Store   Store
	Heads   eventlog.Heads
	Lanes   *event.Lanes
	Width   eventlog.Width
	Buckets EntityBuckets
}

// Plan freezes the cut of a replay and divides it. It is idempotent: a plan
// that is stored already stands.
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
	// A repeated attempt finds the plan of the first one; the lanes and the
	// totals are its.
	if plan, err = p.Store.loadPlan(ctx, id); err != nil {
		return Row{}, err
	}
	return p.enter(ctx, id, cut, plan)
}

// enter notes in the replay's row what was planned.
func (p *Planner) enter(ctx context.Context, id string, cut time.Time, plan Plan) (Row, error) {
	lanes := plan.lanes()
	plans, err := p.Store.loadLanePlans(ctx, id, lanes)
	if err != nil {
		return Row{}, err
	}
	return p.Store.Update(ctx, id, func(row *Row) error {
		if row.Cut != nil {
			return control.Unchanged()
		}
		row.Cut, row.Status = &cut, Running
		row.Groups, row.Slices, row.Lanes = len(plan.Groups), len(plan.Slices), lanes
		row.Total = 0
		for _, lane := range plans {
			row.Total += lane.Expect.Count
		}
		return nil
	})
}

// storeOnce stores value unless there is a document already.
func (p *Planner) storeOnce(ctx context.Context, key control.Key, value any) error {
	_, err := control.Store(ctx, p.Store.Table, key, value, "")
	if errors.Is(err, control.ErrConflict) {
		return nil
	}
	return err
}

// weight is what a plan weighs of one lane.
type weight struct {
	lane    event.Lane
	bytes   int64
	buckets map[eventlog.Bucket]int64
}

func (p *Planner) planLanes(ctx context.Context, row Row, heads []eventlog.Head, frozen time.Time) ([]weight, error) {
	scopes := p.scopes(row.Request)
	weights := make([]weight, len(heads))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelLanes)
	for i := range heads {
		lane := event.Lane(i)
		weights[i].lane = lane
		if scopes != nil && len(scopes[lane]) == 0 {
			continue
		}
		group.Go(func() (err error) {
			weights[i], err = p.planLane(ctx, row, LanePlan{Lane: lane, Head: heads[i], Frozen: frozen, Scopes: scopes[lane]})
			return err
		})
	}
	return weights, group.Wait()
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
// stored, and weighs it. Whatever else is planned of the lane follows from the
// cut that is stored, or two attempts would plan past each other.
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

// cutLane stores the cut of a lane and returns the one that is stored then,
// which may be another attempt's.
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

// weigh sums up the manifests of the buckets of a lane that the replay touches.
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

// planScopes stores which buckets hold events of the entities that the replay
// is restricted to. Every bucket of theirs weighs the same.
func (p *Planner) planScopes(ctx context.Context, row Row, plan LanePlan) (weight, error) {
	from, to := bucketRange(row.Request, p.Width)
	w := weight{lane: plan.Lane, buckets: make(map[eventlog.Bucket]int64)}
	for _, entity := range plan.Scopes {
		buckets, err := p.Buckets(ctx, plan.Lane, entity, plan.Head)
		if err != nil {
			return weight{}, fmt.Errorf("find buckets of an entity: %w", err)
		}
		buckets = slices.DeleteFunc(slices.Clone(buckets), func(b eventlog.Bucket) bool {
			return b < from || (to != "" && b >= to)
		})
		if err := p.storeOnce(ctx, scopeKey(row.ID, entity), buckets); err != nil {
			return weight{}, fmt.Errorf("store buckets of an entity: %w", err)
		}
		for _, b := range buckets {
			w.buckets[b]++
			w.bytes++
		}
	}
	return w, nil
}

// bucketRange is the range [from, to) of buckets that a request touches.
func bucketRange(r Request, width eventlog.Width) (from, to eventlog.Bucket) {
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

// divide cuts time into slices and lanes into groups of about equal weight.
func divide(weights []weight, groups int) Plan {
	perBucket := make(map[eventlog.Bucket]int64)
	var heavy []weight
	for _, w := range weights {
		if w.bytes == 0 {
			continue
		}
		heavy = append(heavy, w)
		for b, bytes := range w.buckets {
			perBucket[b] += bytes
		}
	}
	return Plan{Slices: cutSlices(perBucket), Groups: cutGroups(heavy, groups)}
}

// lanes are those of all groups, ascending.
func (p *Plan) lanes() []int {
	var lanes []int
	for _, g := range p.Groups {
		for _, lane := range g.Lanes {
			lanes = append(lanes, int(lane))
		}
	}
	slices.Sort(lanes)
	return lanes
}

// cutSlices ends a slice at the first bucket at which it has its share of what
// is left.
func cutSlices(perBucket map[eventlog.Bucket]int64) []Slice {
	buckets := make([]eventlog.Bucket, 0, len(perBucket))
	var left int64
	for b, bytes := range perBucket {
		buckets = append(buckets, b)
		left += bytes
	}
	slices.Sort(buckets)
	count := min(len(buckets), maxSlices)
	out := make([]Slice, 0, count)
	for i, b := range buckets {
		open := len(out) - 1
		if open < 0 || (out[open].Weight*int64(count-open) >= left && open < count-1) {
			if open >= 0 {
				left -= out[open].Weight
				out[open].To = b
			}
			out = append(out, Slice{From: buckets[i]})
			open++
		}
		out[open].Weight += perBucket[b]
	}
	return out
}

// cutGroups gives the heaviest lane left to the lightest group (Graham's rule:
// at most 4/3 of the best possible largest group).
func cutGroups(lanes []weight, count int) []Group {
	count = min(count, len(lanes))
	groups := make([]Group, count)
	slices.SortStableFunc(lanes, func(a, b weight) int { return cmp.Compare(b.bytes, a.bytes) })
	for _, w := range lanes {
		lightest := 0
		for i := range groups {
			if groups[i].Weight < groups[lightest].Weight {
				lightest = i
			}
		}
		groups[lightest].Lanes = append(groups[lightest].Lanes, w.lane)
		groups[lightest].Weight += w.bytes
	}
	for i := range groups {
		slices.Sort(groups[i].Lanes)
	}
	return groups
}
