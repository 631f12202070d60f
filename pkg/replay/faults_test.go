package replay_test

import (
	"errors"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/segment"
)

// A replay that is over ends as it was to end, with whatever fault its row names
// besides: its steps stop, and do not fail.
func TestAReplayThatIsOverHasNoFault(t *testing.T) {
	for name, over := range map[string]func(*replay.Row){
		"cancelled": func(row *replay.Row) { row.Cancel = true },
		"failed":    func(row *replay.Row) { row.Status = replay.Failed },
	} {
		w, _ := undelivered(t)
		w.Change("r", func(row *replay.Row) {
			row.Fault = &replay.Failure{Error: replay.FaultLost, Cause: "it was dropped"}
			row.Version = "another version"
			over(row)
		})
		if outcome, err := w.Reader().Read(t.Context(), "r", 0, w.Soon()); outcome != segment.Stopped || err != nil {
			t.Errorf("%s: the reader says %q, %v", name, outcome, err)
		}
		if state, err := w.Drainer().Check(t.Context(), "r", w.Soon()); state != replay.DrainStopped || err != nil {
			t.Errorf("%s: the drain is %q, %v", name, state, err)
		}
	}
}

// A row that cannot be read is an error of its step: it does not say that the
// replay is over.
func TestAStepFailsWhileTheRowCannotBeRead(t *testing.T) {
	w, _ := undelivered(t)
	unreadable := replaytest.Intercepted{Table: w.Store.Table, Read: replaytest.Failing(replay.RowKey("r"))}
	reader, d := w.Reader(), w.Drainer()
	reader.Store.Table, d.Store.Table = unreadable, unreadable
	if _, err := reader.Read(t.Context(), "r", 0, w.Soon()); !errors.Is(err, replaytest.ErrUnreadable) {
		t.Errorf("read: %v", err)
	}
	if _, err := d.Check(t.Context(), "r", w.Soon()); !errors.Is(err, replaytest.ErrUnreadable) {
		t.Errorf("drain: %v", err)
	}
}

// A replay may end, or be removed, while its consumer finds that it cannot go on.
// There is nothing to record then, and nothing to retry.
func TestAReplayThatIsGoneNeedsNoFault(t *testing.T) {
	for name, over := range map[string]func(w *replaytest.World){
		"ended": func(w *replaytest.World) { w.Change("r", func(row *replay.Row) { row.Status = replay.Failed }) },
		"removed": func(w *replaytest.World) {
			doc, err := w.Store.Table.Get(t.Context(), replay.RowKey("r"))
			w.Must(err)
			w.Must(w.Store.Table.Delete(t.Context(), doc.Key, doc.Version))
		},
	} {
		w, generation, records := rebuildRead(t)
		w.Must(w.Generations.Drop(t.Context(), generation))
		consumer, reads := w.Consumer(), 0
		consumer.Store.Table = replaytest.Intercepted{Table: w.Store.Table, Read: func(key control.Key) error {
			if key == replay.RowKey("r") {
				if reads++; reads == 2 {
					over(w)
				}
			}
			return nil
		}}
		took, err := consumer.Consume(t.Context(), 0, records)
		if err != nil || took.Refused != 1 || reads != 2 {
			t.Errorf("%s: consumed %+v, %v after %d reads of the row", name, took, err, reads)
		}
	}
}

// The first fault is kept: it says what the others follow from.
func TestTheFirstFaultIsKept(t *testing.T) {
	w, generation, records := rebuildRead(t)
	w.Must(w.Generations.Drop(t.Context(), generation))
	first := replay.Failure{Error: replay.FaultOtherVersion, Cause: "the first"}
	consumer := w.Consumer()
	consumer.Store.Table = interruptRow(w, 2, func(row *replay.Row) { row.Fault = &first })
	if took, err := consumer.Consume(t.Context(), 0, records); err != nil || took.Refused != 1 {
		t.Errorf("consumed %+v, %v", took, err)
	}
	if row := w.Row("r"); row.Fault == nil || *row.Fault != first {
		t.Errorf("the row says %+v", row.Fault)
	}
}
