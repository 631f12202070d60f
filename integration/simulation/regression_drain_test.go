package simulation

import (
	"context"
	"errors"
	"testing"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// delivered is a quiet world with a replay that was read but not consumed.
func delivered(t *testing.T) (*world, *actor, *replayModel) {
	t.Helper()
	w, a := quietWorld(t)
	w.shape.recordBytes = 1
	r := &replayModel{id: "plain", lanes: make(map[event.Lane]*expected)}
	w.replays[r.id] = r
	for _, id := range []string{"1", "2", "3"} {
		w.logEvent(t, a, w.names[0], id, typeNoted)
	}
	if _, _, err := w.storeOf(a).Create(context.Background(), r.id, r.request); err != nil {
		t.Fatal(err)
	}
	w.readAll(t, a, r.id)
	return w, a, r
}

// drainFor runs the machine's loop of draining and reading until the clock has
// advanced by d, and counts how often lanes were read again.
func (w *world) drainFor(
	t *testing.T, a *actor, id string, d, limit time.Duration,
) (last replay.Drain, again int, err error) {
	t.Helper()
	ctx := context.Background()
	for until := w.clock().Add(d); w.clock().Before(until); w.now += 2_000 {
		drainer := w.drainerOf(a)
		drainer.Limit = limit
		if last, err = drainer.Check(ctx, id, w.clock().Add(drainLimit)); err != nil || last == replay.Drained {
			return last, again, err
		}
		if last == replay.Reread {
			again++
			for group := range w.rowOf(t, a, id).Groups {
				if _, err := w.readerOf(a).Read(ctx, id, group, w.clock().Add(drainLimit)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return last, again, nil
}

// A consumer that was down for some minutes used up all five stalls of a
// replay.
func TestAConsumerOutageIsWaitedFor(t *testing.T) {
	w, a, r := delivered(t)
	began := w.clock()
	state, again, err := w.drainFor(t, a, r.id, time.Hour, 12*time.Hour)
	if err != nil || state == replay.Drained {
		t.Fatalf("during the outage: %s, %v", state, err)
	}
	// The pauses are 15 s and then twice as long each time, so the passes begin
	// after 15, 45, 105, 225, 465, 945 and 1905 s.
	if again != 7 {
		t.Errorf("lanes were read again %d times in an hour", again)
	}
	row := w.rowOf(t, a, r.id)
	if row.Waiting == nil || row.Waiting.For != "the playback consumer" || row.Waiting.Since.Sub(began) > drainPatience {
		t.Errorf("the row says that it waits for %+v", row.Waiting)
	}
	if view := lifecycle.Summary(row); view.Waiting == nil || *view.Waiting != *row.Waiting {
		t.Errorf("the view says that it waits for %+v", view.Waiting)
	}
	// The consumer returns and takes some records. The waiting ends, and what
	// was lost is read again without delay.
	stored := w.playback.shards[0]
	for _, shard := range w.playback.shards {
		if len(shard) > 0 {
			stored = shard
		}
	}
	if _, err := w.consumerOf(a).Consume(context.Background(), stored[0].lane, [][]byte{stored[0].data}); err != nil {
		t.Fatal(err)
	}
	before := w.clock()
	if state, again, err = w.drainFor(t, a, r.id, time.Minute, 12*time.Hour); err != nil || again != 2 {
		t.Errorf("after some progress: %s, read again %d times, %v", state, again, err)
	}
	if row := w.rowOf(t, a, r.id); row.Waiting == nil || row.Waiting.Since.Before(before) {
		t.Errorf("waits for %+v, progress was at %s", row.Waiting, before)
	}
	w.takeIn(t, a)
	if state, _, err = w.drainFor(t, a, r.id, time.Minute, 12*time.Hour); err != nil || state != replay.Drained {
		t.Errorf("at the end: %s, %v", state, err)
	}
	if row := w.rowOf(t, a, r.id); row.Waiting != nil || row.Stalls != 0 {
		t.Errorf("drained, and waits for %+v, stalls %d", row.Waiting, row.Stalls)
	}
}

// A replay that nobody ever consumes fails when the time limit is reached, and
// not before.
func TestADrainWithoutAConsumerFailsByTime(t *testing.T) {
	w, a, r := delivered(t)
	began := w.clock()
	_, _, err := w.drainFor(t, a, r.id, 3*time.Hour, 2*time.Hour)
	if took := w.clock().Sub(began); !errors.Is(err, replay.ErrStalled) || took < 2*time.Hour ||
		took > 2*time.Hour+time.Minute {
		t.Errorf("after %s: %v", took, err)
	}
	w, a, r = delivered(t)
	began = w.clock()
	_, _, err = w.drainFor(t, a, r.id, 24*time.Hour, 0)
	if took := w.clock().Sub(began); !errors.Is(err, replay.ErrStalled) || took < replay.DefaultDrainLimit {
		t.Errorf("without a limit of its own, after %s: %v", took, err)
	}
}

// A drain that had been abandoned continued late, at any of its calls. It set
// back the status of a replay that another drain had meanwhile drained and that
// was proved, and counted a pass that never happened.
func TestALateDrainChangesNoProvedReplay(t *testing.T) {
	for at := 0; ; at++ {
		w, a, r := delivered(t)
		ctx := context.Background()
		var proved replay.Row
		s := &steps{at: at, before: func() {
			w.takeIn(t, a)
			if state, err := w.drainerOf(a).Check(ctx, r.id, w.clock()); err != nil || state != replay.Drained {
				t.Fatalf("drain: %s, %v", state, err)
			}
			if proof, err := w.proverOf(a).Prove(ctx, r.id); err != nil || !proof.Complete {
				t.Fatalf("prove: %+v, %v", proof, err)
			}
			proved = w.rowOf(t, a, r.id)
		}}
		late := w.drainerOf(a)
		late.Store.Table = steppedTable{w.tableOf(a), s}
		if _, err := late.Check(ctx, r.id, w.clock().Add(drainLimit)); err != nil {
			t.Fatalf("late drain, at call %d: %v", at, err)
		}
		if !s.reached() {
			return
		}
		row := w.rowOf(t, a, r.id)
		if row.Status != proved.Status || row.Pass != proved.Pass || row.Stalls != proved.Stalls || !row.Proof.Complete {
			t.Errorf("at call %d: %s, pass %d, stalls %d; was %s, pass %d, stalls %d", at, row.Status, row.Pass, row.Stalls,
				proved.Status, proved.Pass, proved.Stalls)
		}
	}
}

// Two drains that find the same stall count one pass.
func TestTwoDrainsCountOnePass(t *testing.T) {
	w, a, r := delivered(t)
	ctx := context.Background()
	first := w.drainerOf(a)
	first.Store.Table = &interrupted{Table: w.tableOf(a), prefix: r.id, skip: 1, before: func() error {
		if state, err := w.drainerOf(a).Check(ctx, r.id, w.clock().Add(drainLimit)); err != nil || state != replay.Reread {
			t.Errorf("drain: %s, %v", state, err)
		}
		return nil
	}}
	if state, err := first.Check(ctx, r.id, w.clock().Add(drainLimit)); err != nil || state != replay.Waiting {
		t.Errorf("the drain that comes second: %s, %v", state, err)
	}
	if row := w.rowOf(t, a, r.id); row.Pass != 1 {
		t.Errorf("pass %d", row.Pass)
	}
}
