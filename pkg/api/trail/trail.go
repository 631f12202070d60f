package trail

import (
	"slices"
	"sync"
	"time"

	"reprise/pkg/replay"
	"reprise/pkg/replay/pace"
)

const (
	// maxReplays bounds the replays whose samples are kept, and maxSamples those of one:
	// about 2 MB together.
	maxReplays = 32
	maxSamples = 600
)

// Sample is how far a replay was at a time.
type Sample struct {
	At       time.Time     `json:"at"`
	Status   replay.Status `json:"status"`
	Read     int64         `json:"read"`
	Consumed int64         `json:"consumed"`
	// LagMillis is how far the slowest consumer of live traffic was behind, nil if that
	// was unknown.
	LagMillis *int64 `json:"lagMillis"`
	// Limit, Rate and Reason are those of its pace, 0 and "" for none.
	Limit  int         `json:"limit"`
	Rate   int         `json:"rate"`
	Reason pace.Reason `json:"reason,omitempty"`
}

// steered reports whether an operator or the platform changed what the replay does
// between two samples.
func (s *Sample) steered(before *Sample) bool {
	return s.Status != before.Status || s.Limit != before.Limit || s.Reason != before.Reason
}

// stands reports whether nothing happened between two samples.
func (s *Sample) stands(before *Sample) bool {
	return !s.steered(before) && s.Rate == before.Rate && s.Read == before.Read && s.Consumed == before.Consumed
}

// Trail keeps samples of replays. The zero value is ready; it is safe for concurrent
// use.
type Trail struct {
	mu  sync.Mutex
	all map[string][]Sample
	// order has the replays, the one that was sampled last at the end.
	order []string
}

// Add keeps a sample, which must be later than those before. A stretch in which nothing
// happens takes two samples. A trail that gets too long loses every other sample, but
// none at which the replay was steered, so that it always reaches back to the begin.
func (t *Trail) Add(id string, s Sample) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = make(map[string][]Sample)
	}
	if at := slices.Index(t.order, id); at >= 0 {
		t.order = slices.Delete(t.order, at, at+1)
	}
	t.order = append(t.order, id)
	if len(t.order) > maxReplays {
		delete(t.all, t.order[0])
		t.order = t.order[1:]
	}
	kept := t.all[id]
	if n := len(kept); n > 1 && s.stands(&kept[n-1]) && kept[n-1].stands(&kept[n-2]) {
		kept[n-1] = s
		return
	}
	if len(kept) == maxSamples {
		if kept = thinned(kept, true); len(kept) > maxSamples*3/4 {
			kept = thinned(kept, false)
		}
	}
	t.all[id] = append(kept, s)
}

// thinned leaves every other sample out, unless it is to be kept for what it shows.
func thinned(all []Sample, steered bool) []Sample {
	kept := make([]Sample, 0, maxSamples)
	for i := range all {
		last := i == len(all)-1
		if i%2 == 0 || last || (steered && (all[i].steered(&all[i-1]) || all[i+1].steered(&all[i]))) {
			kept = append(kept, all[i])
		}
	}
	return kept
}

// Of returns the samples of a replay, oldest first.
func (t *Trail) Of(id string) []Sample {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.all[id])
}
