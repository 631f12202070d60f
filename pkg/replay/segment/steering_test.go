package segment_test

import (
	"slices"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/segment"
)

// paged is a reader of pages of one event each; an interval passes with every
// page.
func paged(w *replaytest.World, interval time.Duration, before func()) *segment.Reader {
	reader := w.Reader()
	reader.PageBytes = 1
	reader.Log = &logTap{Log: w.Log, before: func() {
		w.Now = w.Now.Add(interval)
		before()
	}}
	return reader
}

// A reader checks once a second whether its replay is to continue, however many
// pages it reads in between.
func TestAReaderLooksAtTheRowOnceASecond(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a", "a", "a", "a", "a", "a", "a", "a", "a", "a")
	w.Plan("r", replay.Request{})
	began := w.Now
	var looks []time.Duration
	reader := paged(w, 250*time.Millisecond, func() {})
	reader.Store.Table = replaytest.Intercepted{Table: w.Store.Table, Read: func(key control.Key) error {
		if key == replay.RowKey("r") {
			looks = append(looks, w.Now.Sub(began))
		}
		return nil
	}}
	_, err := reader.Read(t.Context(), "r", 0, w.Soon())
	if want := []time.Duration{0, time.Second, 2 * time.Second}; err != nil || !slices.Equal(looks, want) {
		t.Errorf("the row was read after %v, want %v; %v", looks, want, err)
	}
}

// A replay that is cancelled or ends while it is read delivers nothing from
// then on, not even what was read before. Its reader reports that.
func TestAReaderStopsWithItsReplay(t *testing.T) {
	for name, stop := range map[string]func(row *replay.Row){
		"cancelled": func(row *replay.Row) { row.Cancel = true },
		"failed":    func(row *replay.Row) { row.Status = replay.Failed },
	} {
		w := replaytest.New(t)
		a := w.EntitiesIn(0, 1)[0]
		w.Send(a, a, a, a, a)
		w.Plan("r", replay.Request{})
		pages := 0
		reader := paged(w, time.Second, func() {
			if pages++; pages == 2 {
				w.Change("r", stop)
			}
		})
		outcome, err := reader.Read(t.Context(), "r", 0, w.Soon())
		if outcome != segment.Stopped || err != nil || pages != 2 {
			t.Errorf("%s: %q, %v after %d pages", name, outcome, err, pages)
		}
		if took := w.Consume(); took.Events != 0 || w.Checkpoint("r", 0).Done {
			t.Errorf("%s: delivered %+v", name, took)
		}
	}
}

// A reader that runs out of time delivers what it has read, and reports that
// there is more.
func TestAReaderThatRunsOutOfTimeDeliversWhatItHasRead(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a", "a", "a", "a", "a")
	w.Plan("r", replay.Request{})
	reader := paged(w, 20*time.Second, func() {})
	if outcome, err := reader.Read(t.Context(), "r", 0, w.Soon()); outcome != segment.Continue || err != nil {
		t.Errorf("%q, %v", outcome, err)
	}
	if took := w.Consume(); took.Events != 3 {
		t.Errorf("delivered %+v", took)
	}
}
