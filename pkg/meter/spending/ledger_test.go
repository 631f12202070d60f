package spending

import (
	"errors"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/meter"
	"reprise/pkg/replay"
	"reprise/pkg/replay/budget"
)

// A metered ledger has what all functions have stored, and what a reader's process has
// used so far, once it enters that.
func TestAMeteredLedgerHasWhatTheFunctionsStored(t *testing.T) {
	s, m, table := spendingWorld(t)
	ledger := Metered{Recorder: s}
	used := func(want float64) {
		t.Helper()
		got, err := ledger.Used(t.Context(), "a")
		if err != nil || got.ReadUnits != want {
			t.Errorf("%+v, %v; want %v", got, err, want)
		}
	}
	used(0)
	other := *s
	other.Function = "apply-playback"
	m.Part("log").Add(meter.ReadUnits, 5)
	if err := other.Keep(t.Context(), "a", "3"); err != nil {
		t.Fatal(err)
	}
	used(5)
	m.Part("log").Add(meter.ReadUnits, 7.5)
	used(5)
	enter := func() error { return ledger.Enter(t.Context(), "a", "0", budget.Work{Read: 1000}) }
	table.refuse = func(control.Key) bool { return true }
	if err := enter(); !errors.Is(err, errRefused) {
		t.Error(err)
	}
	table.refuse = nil
	for range 2 {
		if err := enter(); err != nil {
			t.Fatal(err)
		}
	}
	used(12.5)
	if err := s.SetTransitions(t.Context(), "a", 100); err != nil {
		t.Fatal(err)
	}
	if got, err := ledger.Used(t.Context(), "a"); err != nil || got.Transitions != 100 {
		t.Errorf("%+v, %v", got, err)
	}
}

// What the counted ledger enters is no cost that anybody is charged, and is only that of
// its replay.
func TestACountedLedgerChargesNobody(t *testing.T) {
	s, _, _ := spendingWorld(t)
	ledger := Counted{Store: s.Store}
	_, err := s.Store.Update(t.Context(), "a", func(row *replay.Row) error {
		row.Lanes = append(row.Lanes, 0, 1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	before, err := ledger.Used(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, worker := range []string{"0", "1", "0", "10"} {
		if err := ledger.Enter(t.Context(), "a", worker, budget.Work{Read: 100, ReadBytes: 1 << 20}); err != nil {
			t.Fatal(err)
		}
	}
	after, err := ledger.Used(t.Context(), "a")
	if err != nil || after.ReadUnits != before.ReadUnits+4*256+40 || after.WriteUnits != before.WriteUnits {
		t.Errorf("%+v, then %+v, %v", before, after, err)
	}
	if cost := costOf(t, s, "a"); cost != nil {
		t.Errorf("it costs %+v", cost)
	}
	if none, err := ledger.Used(t.Context(), "b"); err != nil || none != (meter.Usage{}) {
		t.Errorf("another replay, not planned yet, used %+v, %v", none, err)
	}
	if _, err := ledger.Used(t.Context(), "none"); !errors.Is(err, replay.ErrNotFound) {
		t.Error(err)
	}
}
