package replay_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/request"
	"reprise/pkg/replay/segment"
)

// Readings add up to the replay, whatever the ordering and whatever fails in between, and
// the group's numbers never fall.
func TestReadingsAddUpAndNeverFall(t *testing.T) {
	for _, order := range []request.Ordering{request.ByEntity, request.ByWindow, request.Unordered} {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		w := randomly(t, rand.New(rand.NewPCG(seed, 1)))
		w.Send("a", "b", "c", "d")
		row := w.Plan("r", replay.Request{Ordering: order})
		best, events := make(map[int]replay.Extent), int64(0)
		for round := 0; ; round++ {
			for child := range row.Children() {
				reading, err := w.Reader().ReadCounted(t.Context(), "r", child, w.Soon())
				w.Must(err)
				events += reading.Events
				before := best[child]
				if g := reading.Group; g.Events < before.Events || g.Bytes < before.Bytes || g.Delivered < before.Delivered ||
					reading.Slice < 1 || reading.Slice > reading.Slices ||
					(order != request.Unordered && g.Events > reading.Total) {
					t.Fatalf("%s, child %d, round %d: %+v after %+v", order, child, round, reading, before)
				}
				best[child] = reading.Group
			}
			if round == 0 {
				w.Lose() // what is lost is read again
			}
			w.Consume()
			d := w.Drainer()
			report, err := d.Report(t.Context(), "r", w.Now.Add(time.Minute))
			w.Must(err)
			if report.Totals == nil || report.Readers != replay.DefaultParallelism {
				t.Fatalf("%s: %+v", order, report)
			}
			now, err := w.Store.Totals(t.Context(), w.Row("r"))
			w.Must(err)
			if now.Events < report.Totals.Events || now.Bytes < report.Totals.Bytes || now.Delivered < report.Totals.Delivered {
				t.Errorf("%s: %+v after %+v, since lanes are read again (%s)", order, now, report.Totals, report.Drain)
			}
			if report.Drain == replay.Drained {
				var sum replay.Extent
				for _, g := range best {
					sum.Events, sum.Bytes, sum.Delivered = sum.Events+g.Events, sum.Bytes+g.Bytes, sum.Delivered+g.Delivered
				}
				if got := report.Totals; got.Extent != sum || got.Events != row.Total || got.Consumed != got.Delivered ||
					events < row.Total || got.Slice != row.Slices {
					t.Errorf("%s: %+v, the children %+v read %d of %d", order, got, sum, events, row.Total)
				}
				break
			}
		}
	}
}

// A child of a large unordered replay reads several segments, each with the lanes and
// ordinals of its own.
func TestAChildReadsManySegments(t *testing.T) {
	w := replaytest.New(t)
	for range 300 {
		w.Send("a", "b", "c", "d", "e", "f", "g", "h")
		w.Now = w.Now.Add(time.Hour)
	}
	row := w.Plan("r", replay.Request{Ordering: request.Unordered, Slice: "1h"})
	if segments := row.Groups * row.Slices; segments <= row.Children() {
		t.Fatalf("%d segments for %d children", segments, row.Children())
	}
	for child := range row.Children() {
		outcome, err := w.Reader().Read(t.Context(), "r", child, w.Soon())
		w.Must(err)
		if outcome != segment.Done {
			t.Fatalf("child %d: %s", child, outcome)
		}
	}
	w.Consume()
	wantDrain(t, w, w.Drainer(), time.Minute, replay.Drained)
	proof, err := w.Prover().Prove(t.Context(), "r")
	w.Must(err)
	if !proof.Complete || proof.Applied.Count != row.Total {
		t.Errorf("%+v", proof)
	}
}
