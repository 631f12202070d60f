package replay_test

import (
	"errors"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

// Only the lanes whose marks are short are set back, each to its mark: nothing else
// is read again.
func TestOnlyWhatIsMissingIsReadAgain(t *testing.T) {
	w := replaytest.New(t)
	here, there := w.EntitiesIn(0, 1)[0], w.EntitiesIn(1, 1)[0]
	w.Send(here, here, here, there)
	row := w.Plan("r", replay.Request{})
	tap := &replaytest.Tap{Stream: w.Playback, Codec: w.Codec}
	reader := w.Reader()
	reader.Playback, reader.RecordBytes = tap, 1
	for group := range row.Groups {
		_, err := reader.Read(t.Context(), "r", group, w.Soon())
		w.Must(err)
	}
	w.Lose()
	for i, header := range tap.Puts {
		// The last two of the first lane are lost.
		if header.Lane == 1 || header.Playback.From == 0 {
			_, err := w.Consumer().Consume(t.Context(), header.Lane, tap.Data[i:i+1])
			w.Must(err)
		}
	}
	wantDrain(t, w, w.Drainer(), time.Minute, replay.Reread)
	back, whole := w.Checkpoint("r", 0), w.Checkpoint("r", 1)
	if back.Done || back.Delivered.Count != 1 || !whole.Done {
		t.Errorf("set back to %+v and %+v", back, whole)
	}
	w.Deliver("r")
	if took := w.Consume(); took.Events != 2 || took.Repeated != 0 || took.Gaps != 0 {
		t.Errorf("consumed again: %+v", took)
	}
	wantDrain(t, w, w.Drainer(), time.Minute, replay.Drained)
}

// The number of times that lanes are read again is limited.
func TestLanesAreReadAgainABoundedNumberOfTimes(t *testing.T) {
	w, _ := undelivered(t)
	w.Change("r", func(row *replay.Row) { row.Pass = 999 })
	wantDrain(t, w, w.Drainer(), time.Minute, replay.Reread)
	w.Deliver("r")
	if _, err := w.Drainer().Check(t.Context(), "r", w.Soon()); !errors.Is(err, replay.ErrStalled) {
		t.Errorf("read again for the 1001st time: %v", err)
	}
}

// A drain of a replay that was cancelled or has ended changes nothing.
func TestADrainStopsWithItsReplay(t *testing.T) {
	for name, stop := range map[string]func(w *replaytest.World){
		"cancelled": func(w *replaytest.World) { w.Change("r", func(row *replay.Row) { row.Cancel = true }) },
		"failed": func(w *replaytest.World) {
			_, _, err := w.Store.End(t.Context(), "r", replay.Failed, nil, nil)
			w.Must(err)
		},
	} {
		w, _ := undelivered(t)
		stop(w)
		before := w.Row("r").Status
		wantDrain(t, w, w.Drainer(), time.Minute, replay.DrainStopped)
		if row := w.Row("r"); row.Status != before || row.Pass != 0 || !w.Checkpoint("r", 0).Done {
			t.Errorf("%s: the replay is %s, pass %d", name, row.Status, row.Pass)
		}
	}
}

// A proved replay does not change, whenever a drain looks at it.
func TestADrainLeavesAProvedReplayAlone(t *testing.T) {
	proved := func(row *replay.Row) { row.Proof = &replay.Proof{Complete: true} }
	for name, at := range map[string]int{"before the drain": 0, "as the drain begins": 2} {
		w, records := undelivered(t)
		consume(t, w, records...)
		d := w.Drainer()
		d.Store.Table = interruptRow(w, at, proved)
		if at == 0 {
			w.Change("r", proved)
		}
		wantDrain(t, w, d, time.Minute, replay.Drained)
		if row := w.Row("r"); row.Status != replay.Running || !row.Proof.Complete {
			t.Errorf("%s: the replay is %s", name, row.Status)
		}
	}
}

// interruptRow is a control table in which a replay's row changes before it is read
// for the nth time.
func interruptRow(w *replaytest.World, n int, change func(*replay.Row)) control.Table {
	reads := 0
	return replaytest.Intercepted{Table: w.Store.Table, Read: func(key control.Key) error {
		if key == replay.RowKey("r") {
			if reads++; reads == n {
				w.Change("r", change)
			}
		}
		return nil
	}}
}

// Of two concurrent drains only one decides. The late one changes nothing,
// whether it notices before it sets lanes back or after.
func TestALateDrainDecidesNothing(t *testing.T) {
	decided := map[string]func(*replay.Row){
		"another drain has decided": func(row *replay.Row) { row.Pass, row.Stalls = 7, 3 },
		"the replay is proved":      func(row *replay.Row) { row.Proof = &replay.Proof{Complete: true} },
	}
	for name, change := range decided {
		for _, at := range []int{2, 3} {
			w, _ := undelivered(t)
			w.Change("r", func(row *replay.Row) { row.Status = replay.Draining })
			expected := w.Row("r")
			change(&expected)
			late := w.Drainer()
			late.Store.Table = interruptRow(w, at, change)
			wantDrain(t, w, late, time.Minute, replay.Waiting)
			row := w.Row("r")
			if row.Status != replay.Draining || row.Pass != expected.Pass ||
				row.Stalls != expected.Stalls || row.Waiting != nil {
				t.Errorf("%s, at read %d: %s, pass %d, stalls %d", name, at, row.Status, row.Pass, row.Stalls)
			}
			if at == 2 && !w.Checkpoint("r", 0).Done {
				t.Errorf("%s: a lane was set back", name)
			}
		}
	}
}

// Progress that a late drain sees does not undo what another one has written
// since.
func TestALateDrainDoesNotEndAnothersWait(t *testing.T) {
	w, records := undelivered(t)
	waits := &replay.WaitingFor{For: "the playback consumer", Since: w.Now.Add(-time.Minute)}
	w.Change("r", func(row *replay.Row) { row.Status, row.Waiting, row.Stalls = replay.Draining, waits, 1 })
	consume(t, w, records[0])
	late := w.Drainer()
	late.Store.Table = interruptRow(w, 2, func(row *replay.Row) { row.Pass, row.Stalls = 1, 2 })
	wantDrain(t, w, late, time.Minute, replay.Waiting)
	if row := w.Row("r"); row.Pass != 1 || row.Stalls != 2 || row.Waiting == nil || !row.Waiting.Since.Equal(waits.Since) {
		t.Errorf("pass %d, stalls %d, waits for %+v", row.Pass, row.Stalls, row.Waiting)
	}
}

// A replay that ends while a drain looks at it is not set back, at whichever of its
// reads of the row that happens; the last one is before it sets lanes back.
func TestADrainThatOutlivesItsReplaySetsNothingBack(t *testing.T) {
	for at := 2; ; at++ {
		w, _ := undelivered(t)
		w.Change("r", func(row *replay.Row) { row.Status = replay.Draining })
		late := w.Drainer()
		late.Store.Table = interruptRow(w, at, func(row *replay.Row) { row.Status = replay.Failed })
		state, err := late.Check(t.Context(), "r", w.Now.Add(time.Minute))
		if row := w.Row("r"); err != nil || row.Status != replay.Failed || row.Pass != 0 || !w.Checkpoint("r", 0).Done {
			t.Fatalf("read %d: %v, the replay is %s, pass %d", at, err, row.Status, row.Pass)
		}
		if state != replay.DrainStopped {
			if state != replay.Waiting || at == 2 {
				t.Errorf("read %d: %s", at, state)
			}
			return
		}
	}
}
