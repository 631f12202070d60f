package replay

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay/request"
)

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

// end is the number of all slices, those of earlier cuts included.
func (p *Plan) end() int { return p.First + len(p.Slices) }

func scopeKey(id, entity string) control.Key {
	return control.Key{Partition: Partition(id), Sort: "scope#" + event.EscapeEntity(entity)}
}

// LoadPlan returns the plan of a replay's present cut, or control.ErrNotFound before there
// is one.
func (s Store) LoadPlan(ctx context.Context, row Row) (Plan, error) {
	return s.loadPlan(ctx, row.present())
}

func (s Store) loadPlan(ctx context.Context, at cutRef) (Plan, error) {
	plan, _, err := control.Load[Plan](ctx, s.Table, at.plan())
	if err != nil {
		return Plan{}, fmt.Errorf("load plan of replay %s: %w", at.id, err)
	}
	return plan, nil
}

// LoadLanePlans returns the present cuts of lanes of a replay, or control.ErrNotFound if
// any of them does not exist.
func (s Store) LoadLanePlans(ctx context.Context, row Row, lanes []event.Lane) (map[event.Lane]LanePlan, error) {
	return s.loadLanePlans(ctx, row.present(), lanes)
}

func (s Store) loadLanePlans(ctx context.Context, at cutRef, lanes []event.Lane) (map[event.Lane]LanePlan, error) {
	plans, err := loadEach[LanePlan](ctx, s.Table, lanes, at.lane)
	if err == nil && len(plans) != len(lanes) {
		err = fmt.Errorf("%d of %d lane plans: %w", len(plans), len(lanes), control.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("load cut of replay %s: %w", at.id, err)
	}
	return plans, nil
}

const (
	// maxSlices bounds the slices of a plan that chooses them, and maxGivenSlices
	// those of a width that a request gives, so that the plan fits into one item.
	maxSlices      = 32
	maxGivenSlices = 1024
	// maxTracks bounds the lanes times the slices of an unordered replay, each of
	// which has a checkpoint and a mark of its own.
	maxTracks = 8192
	// groupsPerReader is the number of lane groups for each reader that may run
	// at a time, so that a reader that finishes early gets another group.
	groupsPerReader = 2
)

// divide cuts time into slices and lanes into groups of about equal weight. It
// returns ErrRequest if the request's slices are too narrow.
func divide(weights []weight, r Request, width eventlog.Width) (Plan, error) {
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
	plan := Plan{Groups: cutGroups(heavy, groupsPerReader*max(1, r.Parallelism))}
	most, mostGiven := maxSlices, maxGivenSlices
	if r.Order() == request.Unordered {
		tracks := max(1, maxTracks/max(1, len(heavy)))
		most, mostGiven = min(most, tracks), min(mostGiven, tracks)
	}
	if r.Slice == "" {
		plan.Slices = cutSlices(perBucket, most)
		return plan, nil
	}
	if err := r.CheckSlice(time.Duration(width)); err != nil {
		return Plan{}, err
	}
	plan.Slices = gridSlices(perBucket, r, width)
	if n := len(plan.Slices); n > mostGiven {
		return Plan{}, fmt.Errorf("%w: slice %s makes %d time slices; at most %d are possible here",
			ErrRequest, r.Slice, n, mostGiven)
	}
	return plan, nil
}

// gridSlices cuts time into slices of the request's width, from its beginning on, or
// from the first bucket. A slice without events is left out.
func gridSlices(perBucket map[eventlog.Bucket]int64, r Request, width eventlog.Width) []Slice {
	buckets := slices.Sorted(maps.Keys(perBucket))
	var out []Slice
	var origin, last int64
	for i, b := range buckets {
		from, _, err := width.Range(b)
		if err != nil {
			continue // no bucket of a log
		}
		if i == 0 {
			if origin = from; r.From != nil {
				origin, _, _ = width.Range(width.Of(r.From.UnixMilli()))
			}
		}
		index := (from - origin) / r.Slice.Duration().Milliseconds()
		if len(out) == 0 || index != last {
			if len(out) > 0 {
				out[len(out)-1].To = b
			}
			out, last = append(out, Slice{From: b}), index
		}
		out[len(out)-1].Weight += perBucket[b]
	}
	return out
}

// lanes returns the lanes of all groups, ascending.
func (p *Plan) lanes() []event.Lane {
	var lanes []event.Lane
	for _, g := range p.Groups {
		lanes = append(lanes, g.Lanes...)
	}
	slices.Sort(lanes)
	return lanes
}

// cutSlices ends a slice at the first bucket at which it has its share of the
// remaining bytes.
func cutSlices(perBucket map[eventlog.Bucket]int64, most int) []Slice {
	buckets := slices.Sorted(maps.Keys(perBucket))
	var remaining int64
	for _, bytes := range perBucket {
		remaining += bytes
	}
	count := min(len(buckets), most)
	out := make([]Slice, 0, count)
	for i, b := range buckets {
		open := len(out) - 1
		if open < 0 || (out[open].Weight*int64(count-open) >= remaining && open < count-1) {
			if open >= 0 {
				remaining -= out[open].Weight
				out[open].To = b
			}
			out = append(out, Slice{From: buckets[i]})
			open++
		}
		out[open].Weight += perBucket[b]
	}
	return out
}

// cutGroups gives the heaviest remaining lane to the lightest group (Graham's rule:
// the largest group is at most 4/3 of the best possible one).
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

// maxChildren bounds the segment readers that a map run starts, since their results
// have to fit into one payload.
const maxChildren = groupsPerReader * MaxParallelism

// children is the number of segment readers that a map run starts: one for each lane
// group, or, in an unordered replay, for each group and slice.
func children(r Request, groups, slices int) int {
	if r.Order() == request.Unordered {
		return min(groups*slices, maxChildren)
	}
	return groups
}

// bucketRange is the range [from, to) of buckets that a request reads.
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
