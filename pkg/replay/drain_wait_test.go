package replay_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

// undelivered has replay "r" of three events of a lane. It was read into one
// record for each event and not consumed. The records are returned.
func undelivered(t *testing.T) (w *replaytest.World, records [][]byte) {
	t.Helper()
	w = replaytest.New(t)
	a := w.EntitiesIn(0, 1)[0]
	w.Send(a, a, a)
	w.Plan("r", replay.Request{})
	tap := &replaytest.Tap{Stream: w.Playback, Codec: w.Codec}
	reader := w.Reader()
	reader.Playback, reader.RecordBytes = tap, 1
	_, err := reader.Read(t.Context(), "r", 0, w.Soon())
	w.Must(err)
	return w, tap.Data
}

func consume(t *testing.T, w *replaytest.World, records ...[]byte) replay.Consumed {
	t.Helper()
	took, err := w.Consumer().Consume(t.Context(), 0, records)
	w.Must(err)
	return took
}

func wantDrain(t *testing.T, w *replaytest.World, d *replay.Drainer, limit time.Duration, want replay.Drain) {
	t.Helper()
	state, err := d.Check(t.Context(), "r", w.Now.Add(limit))
	if state != want || err != nil {
		t.Fatalf("the drain is %q, %v; want %q", state, err, want)
	}
}

// While a consumer is down, lanes are read again first after the drainer's
// patience and then at intervals that double, and the row says since when.
func TestLanesAreReadAgainInIntervalsThatDouble(t *testing.T) {
	w, _ := undelivered(t)
	began := w.Now
	var after []time.Duration
	for len(after) < 5 {
		state, err := w.Drainer().Check(t.Context(), "r", w.Soon())
		w.Must(err)
		if row := w.Row("r"); state == replay.Waiting && row.Status != replay.Draining {
			t.Errorf("while the drain waits, the replay is %s", row.Status)
		}
		if state == replay.Reread {
			after = append(after, w.Now.Sub(began))
			w.Deliver("r")
		}
	}
	want := []time.Duration{10 * time.Second, 30 * time.Second, 70 * time.Second, 150 * time.Second, 310 * time.Second}
	if !slices.Equal(after, want) {
		t.Errorf("read again after %v, want %v", after, want)
	}
	row := w.Row("r")
	waits := replay.WaitingFor{For: "the playback consumer", Since: began}
	if row.Status != replay.Running || row.Pass != 5 || row.Stalls != 5 || row.Waiting == nil || *row.Waiting != waits {
		t.Errorf("%s, pass %d, stalls %d, waits for %+v", row.Status, row.Pass, row.Stalls, row.Waiting)
	}
}

// Calls that end sooner than the drainer's patience end in time, and together they
// have its patience, pauses between them included. Progress in between begins it anew.
func TestShortDrainsSharePatience(t *testing.T) {
	w, records := undelivered(t)
	began := w.Now
	for _, at := range []time.Duration{3, 8} {
		wantDrain(t, w, w.Drainer(), 3*time.Second, replay.Waiting)
		if took := w.Now.Sub(began); took != at*time.Second {
			t.Fatalf("waited for %s", took)
		}
		w.Now = w.Now.Add(2 * time.Second)
	}
	consume(t, w, records[0])
	wantDrain(t, w, w.Drainer(), 3*time.Second, replay.Waiting)
	w.Now = w.Now.Add(5 * time.Second)
	wantDrain(t, w, w.Drainer(), 3*time.Second, replay.Reread)
	row := w.Row("r")
	if took := w.Now.Sub(began); took != 20*time.Second || row.Idle != nil || row.Reached != 1 {
		t.Errorf("read again after %s, idle since %v, reached %d", took, row.Idle, row.Reached)
	}
	// A lane that was just read again has as much time as the first time.
	w.Deliver("r")
	if row.Waiting == nil || !row.Waiting.Since.Equal(began.Add(10*time.Second)) {
		t.Errorf("waits for %+v", row.Waiting)
	}
}

// A drain without any progress fails once its limit has passed, by default after
// twelve hours, and not before.
func TestADrainGivesUpAtItsLimit(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{time.Minute: time.Minute, 0: 12 * time.Hour} {
		w, _ := undelivered(t)
		began := w.Now
		w.Change("r", func(row *replay.Row) {
			row.Stalls, row.Waiting = 30, &replay.WaitingFor{For: "the playback consumer", Since: began}
		})
		w.Now = began.Add(want - 5*time.Second)
		d := w.Drainer()
		d.Limit = limit
		_, err := d.Check(t.Context(), "r", w.Soon())
		if took := w.Now.Sub(began); !errors.Is(err, replay.ErrStalled) || took != want {
			t.Errorf("with the limit %s: after %s, %v", limit, took, err)
		}
	}
}

// A lane that was set back and not read since is read at once, however long
// there was no progress. That does not count as a stall.
func TestALaneThatWasNotReadIsReadAtOnce(t *testing.T) {
	w, _ := undelivered(t)
	wantDrain(t, w, w.Drainer(), time.Minute, replay.Reread)
	w.Now = w.Now.Add(24 * time.Hour)
	before := w.Row("r")
	now := w.Now
	wantDrain(t, w, w.Drainer(), time.Minute, replay.Reread)
	row := w.Row("r")
	if !w.Now.Equal(now) || row.Pass != 2 || row.Stalls != 1 || *row.Waiting != *before.Waiting {
		t.Errorf("after %s: pass %d, stalls %d, waits for %+v", w.Now.Sub(now), row.Pass, row.Stalls, row.Waiting)
	}
}

// Any progress ends the wait: the row says so, and lanes are read again after the
// drainer's patience, not after the interval that had been reached.
func TestProgressEndsTheWait(t *testing.T) {
	w, records := undelivered(t)
	w.Change("r", func(row *replay.Row) {
		row.Pass, row.Stalls = 4, 4
		row.Waiting = &replay.WaitingFor{For: "the playback consumer", Since: w.Now.Add(-time.Hour)}
	})
	w.Now = w.Now.Add(time.Minute)
	consume(t, w, records[0])
	began := w.Now
	d := w.Drainer()
	d.Sleep = func(ctx context.Context, pause time.Duration) error {
		if row := w.Row("r"); row.Waiting != nil || row.Stalls != 0 || row.Reached != 1 {
			t.Errorf("after progress the replay waits for %+v, stalls %d, reached %d", row.Waiting, row.Stalls, row.Reached)
		}
		return w.Sleep(ctx, pause)
	}
	wantDrain(t, w, d, time.Minute, replay.Reread)
	if took := w.Now.Sub(began); took != 10*time.Second {
		t.Errorf("read again after %s", took)
	}
	row := w.Row("r")
	if row.Pass != 5 || row.Stalls != 1 || row.Reached != 1 || row.Waiting == nil || !row.Waiting.Since.Equal(began) {
		t.Errorf("pass %d, stalls %d, reached %d, waits for %+v", row.Pass, row.Stalls, row.Reached, row.Waiting)
	}
}

// Progress during a Check postpones what the Check would otherwise do.
func TestProgressDuringACheckCounts(t *testing.T) {
	w, records := undelivered(t)
	began := w.Now
	d := w.Drainer()
	d.Sleep = func(ctx context.Context, pause time.Duration) error {
		if w.Now.Sub(began) == 7*time.Second {
			consume(t, w, records[0])
		}
		return w.Sleep(ctx, pause)
	}
	wantDrain(t, w, d, time.Minute, replay.Reread)
	// The mark is seen a second after it moved.
	if took := w.Now.Sub(began); took != 18*time.Second {
		t.Errorf("read again after %s", took)
	}
	if row := w.Row("r"); row.Reached != 1 || !row.Waiting.Since.Equal(began.Add(8*time.Second)) {
		t.Errorf("reached %d, waits for %+v", row.Reached, row.Waiting)
	}
}

// A drained replay waits for nothing, even if its marks had reached their ends
// before the last Check wrote that it waits.
func TestADrainedReplayWaitsForNothing(t *testing.T) {
	for name, waiting := range map[string]*replay.WaitingFor{
		"it waits":                   {For: "the playback consumer"},
		"an earlier release counted": nil,
	} {
		w, records := undelivered(t)
		consume(t, w, records...)
		w.Change("r", func(row *replay.Row) { row.Waiting, row.Stalls, row.Reached = waiting, 2, 3 })
		wantDrain(t, w, w.Drainer(), time.Minute, replay.Drained)
		if row := w.Row("r"); row.Waiting != nil || row.Stalls != 0 || row.Reached != 3 || row.Pass != 0 {
			t.Errorf("%s: waits for %+v, stalls %d, reached %d", name, row.Waiting, row.Stalls, row.Reached)
		}
	}
}
