package verify_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"reprise/pkg/eventlog"
	"reprise/pkg/verify"
)

// Verifications of long ago go with all their documents, and their names become free.
func TestOldVerificationsAreRemoved(t *testing.T) {
	t.Parallel()
	w, _ := drifted(t, embedded)
	for _, id := range []string{"a", "b"} {
		w.verify(id)
		w.clock.pass(300 * 24 * time.Hour)
	}
	w.plan("open")
	w.must(w.store.Prune(t.Context()))
	if _, err := w.store.Load(t.Context(), "a"); !errors.Is(err, verify.ErrNotFound) {
		t.Errorf("have %v", err)
	}
	docs, err := w.stores.Table.List(t.Context(), verify.Partition("a"), "", 10)
	if err != nil || len(docs) != 0 {
		t.Errorf("%d documents are left, %v", len(docs), err)
	}
	for _, id := range []string{"b", "open"} {
		if _, err := w.store.Load(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
}

// One verification of a generation runs at a time; the next one waits for its turn.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	w, _ := drifted(t, embedded)
	w.plan("first")
	_, _, err := w.store.Create(t.Context(), "second", verify.Request{})
	w.must(err)
	if _, err := w.planner().Plan(t.Context(), "second"); !errors.Is(err, verify.ErrBusy) {
		t.Fatalf("have %v", err)
	}
	if row := w.plan("first"); row.Cut == nil {
		t.Error("the first one has no plan any more")
	}
	w.check("first", false)
	w.report("first")
	if row, err := w.planner().Plan(t.Context(), "second"); err != nil || row.Cut == nil {
		t.Errorf("%+v, %v", row, err)
	}
}

// Records that are set aside are counted, however many pages they take, and are no drift.
func TestRecordsSetAsideAreCounted(t *testing.T) {
	t.Parallel()
	w, lane := drifted(t, embedded)
	for i := range 45 {
		in := eventlog.Incoming{Sequence: fmt.Sprint(9000 + i), Arrival: w.clock.time().UnixMilli(), Data: []byte("none")}
		_, err := w.pump.Commit(t.Context(), lane, []eventlog.Incoming{in})
		w.must(err)
		w.queue[lane] = append(w.queue[lane], in)
	}
	w.settle()
	if row := w.verify("v"); row.Status != verify.Clean || row.Report.Quarantined != 45 {
		t.Errorf("%s: %d are set aside, %+v", row.Status, row.Report.Quarantined, row.Report.Differences)
	}
}
