package replay

import (
	"context"
	"math"
	"time"
)

// Totals are the numbers of a whole replay so far, for the outputs of its state machine.
// None but the rate ever falls.
type Totals struct {
	Extent
	// Consumed events were taken in by the consumer. A segment reader does not know it.
	Consumed int64 `json:"consumed"`
	// Slice is the number, from 1, of the time slice that readers may have reached,
	// and Slices that of the last.
	Slice  int `json:"slice"`
	Slices int `json:"slices"`
	// EventsPerSecond is how many events were read on average since the first cut, pauses
	// included.
	EventsPerSecond float64 `json:"eventsPerSecond"`
}

// totals are those of a sum of extents.
func (r *Row) totals(sum Extent, consumed int64, now time.Time) *Totals {
	t := &Totals{Extent: sum, Consumed: consumed, Slice: r.Slices, Slices: r.Slices}
	if r.Windowed() {
		t.Slice = min(r.Window+1, r.Slices)
	}
	t.EventsPerSecond = PerSecond(sum.Events, r.Elapsed(now).Seconds())
	return t
}

// Elapsed is the time since the first cut, 0 before it.
func (r *Row) Elapsed(now time.Time) time.Duration {
	first := r.FirstCut()
	if first == nil {
		return 0
	}
	return max(0, now.Sub(*first))
}

// PerSecond is a rate, 0 where no time has passed, to three digits after the point.
func PerSecond(events int64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return Rounded(float64(events) / seconds)
}

// Rounded keeps three digits after the point.
func Rounded(n float64) float64 { return math.Round(n*1000) / 1000 }

// Totals returns the totals of a replay that is planned, without what was consumed.
func (s Store) Totals(ctx context.Context, row Row) (*Totals, error) {
	checkpoints, err := s.Tracks(ctx, row)
	if err != nil {
		return nil, err
	}
	var sum Extent
	for _, at := range checkpoints {
		sum.Add(at.Reached())
	}
	return row.totals(sum, 0, s.Now()), nil
}
