package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
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

// LoadLanePlans returns the cut of lanes of a replay, all of them or
// control.ErrNotFound.
func (s Store) LoadLanePlans(ctx context.Context, id string, lanes []event.Lane) (map[event.Lane]LanePlan, error) {
	keys := make([]control.Key, len(lanes))
	for i, lane := range lanes {
		keys[i] = lanePlanKey(id, lane)
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

// lanes are those of all groups, ascending.
func (p *Plan) lanes() []event.Lane {
	var lanes []event.Lane
	for _, g := range p.Groups {
		lanes = append(lanes, g.Lanes...)
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
