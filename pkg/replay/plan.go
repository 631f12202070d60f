package replay

import (
	"context"
	"fmt"
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
