package replay_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"reprise/pkg/meter"
	"reprise/pkg/meter/spending"
	"reprise/pkg/replay"
	"reprise/pkg/replay/budget"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/request"
)

// The ledger of one machine: what is read again counts again, and work that nobody has
// entered, as there was no budget yet, counts by its checkpoints.
func TestABudgetSetLaterCountsWhatWasDoneBefore(t *testing.T) {
	w := replaytest.New(t)
	w.Send(slices.Repeat(w.EntitiesIn(0, 4), 50)...)
	w.Plan("r", replay.Request{})
	ledger := spending.Counted{Store: w.Store}
	before, err := ledger.Used(t.Context(), "r")
	w.Must(err)
	w.Deliver("r")
	after, err := ledger.Used(t.Context(), "r")
	w.Must(err)
	if after.ReadUnits <= before.ReadUnits || before.ReadUnits == 0 {
		t.Errorf("%+v, then %+v", before, after)
	}
	again := budget.Work{Read: 400, ReadBytes: 1 << 20, Delivered: 400, DeliveredBytes: 1 << 20}
	for range 2 {
		w.Must(ledger.Enter(t.Context(), "r", "0", again))
	}
	twice, err := ledger.Used(t.Context(), "r")
	w.Must(err)
	if twice.ReadUnits < after.ReadUnits+2*256 {
		t.Errorf("%+v, then %+v", after, twice)
	}
}

// Many readers find at the same time, also with outdated knowledge, that a budget is used
// up: the first one says why, and none pauses a replay whose budget was raised.
func TestABudgetStopsOnce(t *testing.T) {
	w := replaytest.New(t)
	w.Create("r", replay.Request{Budget: &request.Budget{ReadUnits: 100}})
	used := func(n float64) meter.Usage { return meter.Usage{ReadUnits: n} }
	pause := func(n float64, want bool) replay.Row {
		t.Helper()
		row, err := w.Store.PauseAtBudget(t.Context(), "r", used(n))
		if err != nil || row.Paused != want {
			t.Fatalf("%v: paused is %v, %v", n, row.Paused, err)
		}
		return row
	}
	pause(99, false)
	first := pause(100, true)
	w.Now = w.Now.Add(time.Minute)
	if second := pause(200, true); *second.PausedBy != *first.PausedBy {
		t.Errorf("%+v, then %+v", first.PausedBy, second.PausedBy)
	}
	_, err := w.Store.SetBudget(t.Context(), "r", request.Budget{ReadUnits: 300}, used(200))
	w.Must(err)
	if row := w.Row("r"); !row.Paused || row.OverBudget(used(200)) {
		t.Errorf("raised: %+v", row)
	}
	_, _, err = w.Store.Resume(t.Context(), "r")
	w.Must(err)
	if row := pause(200, false); row.PausedBy != nil {
		t.Errorf("resumed with %+v", row.PausedBy)
	}
	row, err := w.Store.SetBudget(t.Context(), "r", request.Budget{ReadUnits: 150}, used(200))
	if err != nil || !row.Paused || row.PausedBy.Spent.ReadUnits != 200 {
		t.Errorf("lowered: %+v, %v", row, err)
	}
}

// Once everything is read, a budget stops nothing, neither a drain nor a proof; nor does
// it stop a replay that is cancelled or has ended.
func TestABudgetStopsOnlyReading(t *testing.T) {
	for name, change := range map[string]func(*replay.Row){
		"draining":  func(row *replay.Row) { row.Status = replay.Draining },
		"proved":    func(row *replay.Row) { row.Status, row.Proof = replay.Running, &replay.Proof{Complete: true} },
		"cancelled": func(row *replay.Row) { row.Cancel = true },
	} {
		w := replaytest.New(t)
		w.Create("r", replay.Request{Budget: &request.Budget{ReadUnits: 1}})
		w.Change("r", change)
		row, err := w.Store.PauseAtBudget(t.Context(), "r", meter.Usage{ReadUnits: 5})
		if err != nil || row.Paused {
			t.Errorf("%s: %+v, %v", name, row, err)
		}
	}
	w := replaytest.New(t)
	w.Create("r", replay.Request{})
	_, _, err := w.Store.End(t.Context(), "r", replay.Failed, &replay.Failure{Error: "E"}, nil)
	w.Must(err)
	for units, want := range map[int64]error{1: replay.ErrEnded, -1: replay.ErrRequest} {
		_, err := w.Store.SetBudget(t.Context(), "r", request.Budget{ReadUnits: units}, meter.Usage{})
		if !errors.Is(err, want) {
			t.Errorf("%d after the end: %v", units, err)
		}
	}
}

// A continued replay keeps its budget.
func TestAContinuedReplayKeepsItsBudget(t *testing.T) {
	w := replaytest.New(t)
	w.Create("r", replay.Request{})
	_, err := w.Store.SetBudget(t.Context(), "r", request.Budget{ReadUnits: 7}, meter.Usage{})
	w.Must(err)
	_, _, err = w.Store.End(t.Context(), "r", replay.Failed, &replay.Failure{Error: replay.FaultUnread}, nil)
	w.Must(err)
	row, err := w.Store.Continue(t.Context(), "r", "")
	if err != nil || row.Cap() != (request.Budget{ReadUnits: 7}) {
		t.Errorf("%+v, %v", row.Cap(), err)
	}
}
