package segment_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

// hourly has an event of entity "a" in each of six hours.
func hourly(t *testing.T) (w *replaytest.World, start time.Time) {
	t.Helper()
	w = replaytest.New(t)
	start = w.Now
	for range 6 {
		w.Send("a")
		w.Now = w.Now.Add(time.Hour)
	}
	return w, start
}

// A replay with a time range reads the buckets that the range touches, delivers
// the events inside the range, and is proved against these buckets. This is
// also true of single entities that have buckets outside.
func TestABoundedReplayReadsItsBucketsOnly(t *testing.T) {
	for name, entities := range map[string][]string{"of everything": nil, "of an entity": {"a"}} {
		for _, tt := range []struct {
			from, to time.Duration // after the start, -1 for no bound
			read     []int         // hours
			want     int64
		}{
			{2 * time.Hour, 4 * time.Hour, []int{2, 3}, 2},
			{2*time.Hour + time.Minute, 4*time.Hour + time.Minute, []int{2, 3, 4}, 2},
			{2 * time.Hour, -1, []int{2, 3, 4, 5}, 4},
			{-1, 2 * time.Hour, []int{0, 1}, 2},
			{-1, -1, []int{0, 1, 2, 3, 4, 5}, 6},
		} {
			w, start := hourly(t)
			request := replay.Request{Entities: entities}
			bound := func(after time.Duration) *time.Time {
				if after < 0 {
					return nil
				}
				at := start.Add(after)
				return &at
			}
			request.From, request.To = bound(tt.from), bound(tt.to)
			planner := w.Planner()
			planner.Buckets = func(context.Context, event.Lane, string, eventlog.Head) (all []eventlog.Bucket, err error) {
				for hour := range 6 {
					all = append(all, bucketAt(start, hour))
				}
				return all, nil
			}
			w.Create("r", request)
			row, err := planner.Plan(t.Context(), "r")
			if err != nil || row.Slices != len(tt.read) {
				t.Errorf("%s from %s to %s: planned as %d slices, %v", name, tt.from, tt.to, row.Slices, err)
			}
			wantHours(t, w, start, name, entities == nil, tt.read)
			if took := w.Consume(); took.Events != tt.want {
				t.Errorf("%s from %s to %s: %d events, want %d", name, tt.from, tt.to, took.Events, tt.want)
			}
			if proof, err := w.Prover().Prove(t.Context(), "r"); err != nil || !proof.Complete {
				t.Errorf("%s from %s to %s: proved as %+v, %v", name, tt.from, tt.to, proof, err)
			}
		}
	}
}

func bucketAt(start time.Time, hour int) eventlog.Bucket {
	return eventlog.Hour.Of(start.Add(time.Duration(hour) * time.Hour).UnixMilli())
}

// wantHours reads a replay and compares the hours that were read.
func wantHours(t *testing.T, w *replaytest.World, start time.Time, name string, whole bool, hours []int) {
	t.Helper()
	var want []string
	for _, hour := range hours {
		if whole {
			want = append(want, string(bucketAt(start, hour))+` after ""`)
		} else {
			want = append(want, "a in "+string(bucketAt(start, hour)))
		}
	}
	tap := &logTap{Log: w.Log}
	reader := w.Reader()
	reader.Log = tap
	_, err := reader.Read(t.Context(), "r", 0, w.Soon())
	if err != nil || !slices.Equal(tap.reads, want) {
		t.Errorf("%s: read were %q, %v; want %q", name, tap.reads, err, want)
	}
}
