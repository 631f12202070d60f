package planning

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// Preview is what a replay would read and deliver if it were planned now, as far as
// heads and manifests tell. Counts are events.
type Preview struct {
	// Cut is when the heads were read.
	Cut time.Time
	// Lanes, Groups and Slices are those of the plan; Children is how many segment
	// readers the map run starts in all.
	Lanes, Groups, Slices, Children int
	// Events and Bytes are those of the buckets that are read; for single
	// entities, no more than these are read.
	Events, Bytes int64
	// Certain is how many events are delivered at least: those of buckets that are
	// selected as a whole.
	Certain int64
}

// Preview plans a request and stores nothing. It returns ErrRequest for a request
// that cannot be planned.
func (p *Planner) Preview(ctx context.Context, r replay.Request) (Preview, error) {
	r, err := r.Normalized()
	if err != nil {
		return Preview{}, err
	}
	cut := p.Store.Now().UTC()
	heads, err := p.Heads.LoadAll(ctx, p.Lanes.Count())
	if err != nil {
		return Preview{}, err
	}
	s := sketch{planner: p, request: r, scopes: p.scopes(r), weights: make([]weight, len(heads))}
	s.view.Cut = cut
	err = datastore.EachLane(ctx, event.AllLanes(len(heads)), func(ctx context.Context, i int, lane event.Lane) error {
		return s.lane(ctx, i, replay.LanePlan{Lane: lane, Head: heads[i], Scopes: s.scopes[lane]})
	})
	if err != nil {
		return Preview{}, fmt.Errorf("preview replay: %w", err)
	}
	plan, err := divide(s.weights, r, p.Width)
	if err != nil {
		return Preview{}, err
	}
	s.view.Lanes, s.view.Groups, s.view.Slices = len(plan.Lanes()), len(plan.Groups), len(plan.Slices)
	s.view.Children = replay.Children(r, len(plan.Groups), len(plan.Slices))
	return s.view, nil
}

// sketch is one Preview in progress.
type sketch struct {
	planner *Planner
	request replay.Request
	scopes  map[event.Lane][]string
	weights []weight

	mu   sync.Mutex
	view Preview
}

// lane weighs one lane and counts its events.
func (s *sketch) lane(ctx context.Context, i int, plan replay.LanePlan) (err error) {
	if s.request.Scoped() {
		if len(plan.Scopes) == 0 {
			return nil
		}
		keep := func(string, []eventlog.Bucket) error { return nil }
		s.weights[i], err = s.planner.weighScopes(ctx, s.request, plan, keep)
		if err != nil {
			return err
		}
		buckets := slices.Sorted(maps.Keys(s.weights[i].buckets))
		found, err := s.planner.Heads.ManifestsOf(ctx, plan.Lane, plan.Head, buckets)
		for b, m := range found {
			s.count(b, &m)
		}
		return err
	}
	s.weights[i], _, err = s.planner.weigh(ctx, s.request, plan, s.count)
	return err
}

func (s *sketch) count(b eventlog.Bucket, m *eventlog.Manifest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view.Events += m.Count
	s.view.Bytes += m.Bytes
	if s.whole(b) {
		s.view.Certain += m.Count
	}
}

// whole reports whether every event of a bucket is selected.
func (s *sketch) whole(b eventlog.Bucket) bool {
	from, to, err := s.planner.Width.Range(b)
	r := s.request
	bounded := r.From != nil && r.From.UnixMilli() > from || r.To != nil && r.To.UnixMilli() < to
	r.From, r.To = nil, nil
	return err == nil && !bounded && !r.Filtered()
}
