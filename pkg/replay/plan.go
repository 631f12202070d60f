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
}

func planKey(id string) control.Key {
	return control.Key{Partition: Partition(id), Sort: "plan"}
}

func lanePlanKey(id string, lane event.Lane) control.Key {
	return control.Key{Partition: Partition(id), Sort: "lane#" + lane.String()}
}

func scopeKey(id, entity string) control.Key {
	return control.Key{Partition: Partition(id), Sort: "scope#" + event.EscapeEntity(entity)}
}

func (s Store) loadPlan(ctx context.Context, id string) (Plan, error) {
	plan, _, err := control.Load[Plan](ctx, s.Table, planKey(id))
	if err != nil {
		return Plan{}, fmt.Errorf("load plan of replay %s: %w", id, err)
	}
	return plan, nil
}

// LoadLanePlans returns the cuts of lanes of a replay, or control.ErrNotFound if any
// of them does not exist.
func (s Store) LoadLanePlans(ctx context.Context, id string, lanes []event.Lane) (map[event.Lane]LanePlan, error) {
	plans, err := loadLanes[LanePlan](ctx, s.Table, id, lanes, lanePlanKey)
	if err == nil && len(plans) != len(lanes) {
		err = fmt.Errorf("%d of %d lane plans: %w", len(plans), len(lanes), control.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("load cut of replay %s: %w", id, err)
	}
	return plans, nil
}

// maxSlices bounds the slices of a plan.
const maxSlices = 32

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
func cutSlices(perBucket map[eventlog.Bucket]int64) []Slice {
	buckets := slices.Sorted(maps.Keys(perBucket))
	var remaining int64
	for _, bytes := range perBucket {
		remaining += bytes
	}
	count := min(len(buckets), maxSlices)
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
