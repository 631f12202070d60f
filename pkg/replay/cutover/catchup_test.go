package cutover_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/local/localstore/localstoretest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/replaytest"
)

// outdate lets so much time pass that a cut of now becomes outdated.
func outdate(w *replaytest.World) { w.Now = w.Now.Add(12*time.Hour + time.Millisecond) }

// take reads, delivers and consumes what is planned.
func take(w *replaytest.World) {
	w.Deliver("r")
	w.Consume()
}

func moved(t localstoretest.T, w *replaytest.World) replay.Row {
	t.Helper()
	row, err := newPromoter(w).CatchUp(t.Context(), w.Planner(), "r", "")
	w.Must(err)
	return row
}

// seen is the number of events that the rows of r's generation have seen, by entity.
func seen(t localstoretest.T, w *replaytest.World) map[string]int64 {
	t.Helper()
	counts := make(map[string]int64)
	generation := w.Generations.Open(w.Row("r").Generation)
	for lane := range event.Lane(w.Lanes.Count()) {
		w.Must(datastore.EachRow(t.Context(), generation, lane, func(row *datastore.Row) error {
			counts[row.Entity] = row.Count
			return nil
		}))
	}
	return counts
}

// A rebuild whose cut is outdated moves it as often as it has to, and reads only what came
// since. Its proof then covers all cuts, and its generation follows from the last one.
func TestAnOutdatedCutIsMovedUntilItIsYoungEnough(t *testing.T) {
	w := replaytest.New(t)
	w.Follow("", false)
	w.Send("a", "b", "a")
	rebuilt(t, w)
	first := *w.Row("r").Cut
	promoter := newPromoter(w)
	for pass := 1; pass <= 3; pass++ {
		outdate(w)
		w.Send("a", "c") // in another bucket; b's lane has nothing new, unless it is c's
		row := moved(t, w)
		if row.CatchUps != pass || !row.Cut.Equal(w.Now) || !row.FirstCut().Equal(first) || row.Total != int64(3+2*pass) ||
			row.Status != replay.Running || row.Proof != nil {
			t.Fatalf("pass %d: %+v", pass, row)
		}
		if again := moved(t, w); again.CatchUps != pass {
			t.Errorf("moved twice: %+v", again)
		}
		w.Deliver("r")
		if consumed := w.Consume(); consumed.Events != 2 || consumed.Repeated+int64(consumed.Gaps) != 0 {
			t.Errorf("pass %d: %+v", pass, consumed)
		}
	}
	prove(t, w)
	proof := w.Row("r").Proof
	if !proof.Complete || proof.Applied.Count != 9 || proof.Expected != proof.Applied || proof.Rows.Seen() != 9 {
		t.Errorf("%+v, %+v", proof, proof.Rows)
	}
	w.Must(promoter.Follow(t.Context(), "r"))
	marks, err := datastore.LiveMarks(t.Context(), w.Generations.Open(w.Row("r").Generation), w.Lanes.Count())
	w.Must(err)
	heads, err := w.Heads.LoadAll(t.Context(), w.Lanes.Count())
	w.Must(err)
	for lane := range heads {
		if marks[lane].Position != heads[lane].Position || marks[lane].Ordinal != heads[lane].Count {
			t.Errorf("lane %d follows from %+v, not from %+v", lane, marks[lane], heads[lane])
		}
	}
	if have := seen(t, w); have["a"] != 5 || have["b"] != 1 || have["c"] != 3 {
		t.Errorf("rows %v", have)
	}
	// Once it follows, an old cut does not matter any more.
	outdate(w)
	if row := moved(t, w); row.CatchUps != 3 {
		t.Errorf("moved while it follows: %+v", row)
	}
	w.Must(promoter.Follow(t.Context(), "r"))
}

// A catch-up into the bucket that was open at the cut reads what came since and nothing
// else of it.
func TestTheBucketThatWasOpenIsReadFromTheCutOn(t *testing.T) {
	w := replaytest.New(t)
	w.Follow("", false)
	w.Send("a", "b", "c", "d")
	rebuilt(t, w)
	w.Send("d", "a", "b", "a") // before and behind others in the order of keys
	outdate(w)
	if row := moved(t, w); row.Total != 8 {
		t.Fatalf("%+v", row)
	}
	w.Deliver("r")
	if consumed := w.Consume(); consumed.Events != 4 || consumed.Repeated+int64(consumed.Gaps) != 0 {
		t.Errorf("%+v", consumed)
	}
	prove(t, w)
	if proof := w.Row("r").Proof; !proof.Complete {
		t.Errorf("%+v", proof)
	}
	if have := seen(t, w); fmt.Sprint(have) != "map[a:3 b:2 c:1 d:2]" {
		t.Errorf("rows %v", have)
	}
}

// Nothing has come since: the cut is moved, there is nothing to read, and the proof of the
// moved cut is as complete.
func TestACatchUpWithNothingToRead(t *testing.T) {
	w := replaytest.New(t)
	w.Follow("", false)
	w.Send("a", "b")
	rebuilt(t, w)
	outdate(w)
	drainer := replay.Drainer{Store: w.Store, Registry: w.Registry, Generations: w.Generations, Poll: time.Second,
		Patience: time.Minute, Sleep: w.Sleep, Retention: 24 * time.Hour}
	if state, err := drainer.Check(t.Context(), "r", w.Soon()); err != nil || state != replay.Behind {
		t.Errorf("before: %s, %v", state, err)
	}
	if row := moved(t, w); row.CatchUps != 1 || row.Children() != 0 || row.Total != 2 {
		t.Fatalf("%+v", row)
	}
	if state, err := drainer.Check(t.Context(), "r", w.Soon()); err != nil || state != replay.Drained {
		t.Errorf("%s, %v", state, err)
	}
	prove(t, w)
	w.Must(newPromoter(w).Follow(t.Context(), "r"))
}

// A cut is moved only if it has to be, and only once all that it covers was taken in.
func TestACutIsMovedOnlyWhenItIsDueAndTakenIn(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(w *replaytest.World)
		moves  int
		want   error
	}{
		"young":    {func(w *replaytest.World) { w.Now = w.Now.Add(12 * time.Hour) }, 0, nil},
		"outdated": {outdate, 1, nil},
		"proved and outdated": {func(w *replaytest.World) {
			prove(t, w)
			outdate(w)
		}, 1, nil},
		"not consumed": {func(w *replaytest.World) {
			outdate(w)
			moved(t, w)
			w.Send("a")
			outdate(w)
			moved(t, w)
			w.Deliver("r")
			outdate(w)
		}, 2, nil},
		"not read": {func(w *replaytest.World) {
			w.Send("a")
			outdate(w)
			moved(t, w)
			outdate(w)
		}, 1, nil},
		"cancelled": {func(w *replaytest.World) {
			outdate(w)
			w.Change("r", func(row *replay.Row) { row.Cancel = true })
		}, 0, nil},
		"withdrawn": {func(w *replaytest.World) {
			outdate(w)
			_, err := w.Registry.Withdraw(t.Context(), w.Row("r").Generation, "r", "CANCELLED", 0)
			w.Must(err)
		}, 0, datastore.ErrWithdrawn},
		"emptied after its proof": {func(w *replaytest.World) {
			prove(t, w)
			outdate(w)
			w.Must(w.Generations.Clear(t.Context(), w.Row("r").Generation))
		}, 0, replay.ErrGenerationLost},
		"moved too often": {func(w *replaytest.World) {
			outdate(w)
			w.Change("r", func(row *replay.Row) { row.CatchUps = 1000 })
			row := w.Row("r")
			w.Must(w.Registry.MoveCut(t.Context(), row.Generation, "r", 1001))
			w.Change("r", func(row *replay.Row) { row.Lanes = nil })
		}, 1000, replay.ErrNeverCatchesUp},
	} {
		w := replaytest.New(t)
		w.Follow("", false)
		w.Send("a", "b", "a")
		rebuilt(t, w)
		tt.before(w)
		_, err := newPromoter(w).CatchUp(t.Context(), w.Planner(), "r", "")
		if row := w.Row("r"); !errors.Is(err, tt.want) || row.CatchUps != tt.moves {
			t.Errorf("%s: %v, moved %d times", name, err, row.CatchUps)
		}
	}
}

// A move that dies anywhere is completed by the next attempt, even if the cut would not be
// outdated any more, and until then nothing follows from the cut that is left.
func TestAMoveThatDiesIsCompleted(t *testing.T) {
	for at := int64(0); ; at++ {
		w := replaytest.New(t)
		w.Follow("", false)
		w.Send("a", "b", "a")
		rebuilt(t, w)
		prove(t, w)
		w.Send("a")
		outdate(w)
		var calls atomic.Int64
		promoter, planner := newPromoter(w), w.Planner()
		planner.Store.Table = replaytest.Intercepted{Table: w.Store.Table, Write: func(control.Key) error {
			if calls.Add(1) > at {
				return replaytest.ErrUnreadable
			}
			return nil
		}}
		promoter.Store.Table = planner.Store.Table
		_, err := promoter.CatchUp(t.Context(), planner, "r", "")
		if err == nil {
			if at < 5 {
				t.Errorf("a move makes %d writes", at)
			}
			return
		}
		longer := newPromoter(w)
		longer.Retention = 1000 * time.Hour
		if err := longer.Follow(t.Context(), "r"); !errors.Is(err, cutover.ErrCutTooOld) {
			t.Errorf("after %d writes it follows: %v", at, err)
		}
		w.Send("c")
		row, err := longer.CatchUp(t.Context(), w.Planner(), "r", "")
		w.Must(err)
		if row.CatchUps != 1 {
			t.Errorf("after %d writes: %+v", at, row)
		}
		take(w)
		prove(t, w)
		if proof := w.Row("r").Proof; !proof.Complete {
			t.Errorf("after %d writes: %+v", at, proof)
		}
	}
}
