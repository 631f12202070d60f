package replay_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/meter"
	"reprise/pkg/meter/spending"
	"reprise/pkg/replay"
	"reprise/pkg/replay/budget"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/request"
)

// units is a ledger in which each event that is read costs one read unit.
type units struct {
	mu   sync.Mutex
	read int64
}

func (u *units) Enter(_ context.Context, _, _ string, done budget.Work) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.read += done.Read
	return nil
}

func (u *units) Used(context.Context, string) (meter.Usage, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return meter.Usage{ReadUnits: float64(u.read)}, nil
}

// withBudget is a reader that keeps to budgets, at a rate if there is one.
func withBudget(w *replaytest.World, ledger budget.Ledger, every time.Duration) *replay.Reader {
	reader := atPace(w, func() {}, nil)
	reader.PageBytes = 100 // a few events
	reader.Budget = func(id string, group int) *budget.Keeper {
		return &budget.Keeper{Ledger: ledger, Table: w.Store.Table, Key: replay.BudgetKey(id), ID: id,
			Worker: string(rune('0' + group)), Every: every, Now: func() time.Time { return w.Now }}
	}
	return reader
}

// A reader stops within an interval, a page and a record after its budget is used up, and
// the replay says so; raised again and again, it reads to the end, and all arrives once.
func TestAReaderStopsAtItsBudgetAndGoesOnWhenItIsRaised(t *testing.T) {
	for _, c := range []struct {
		rate  int
		every time.Duration
		over  int64 // events
	}{{0, 0, 12}, {50, 0, 50}, {50, 5 * time.Second, 5*50 + 2*50}} {
		w := replaytest.New(t)
		many(w, 1000)
		ledger := &units{}
		w.Plan("r", replay.Request{Rate: c.rate, Budget: &request.Budget{ReadUnits: 100}})
		reader := withBudget(w, ledger, c.every)
		stops := 0
		for group := range w.Row("r").Groups {
			for outcome := replay.Continue; outcome != replay.Done; {
				var err error
				if outcome, err = reader.Read(t.Context(), "r", group, w.Soon()); err != nil {
					t.Fatal(err)
				}
				if outcome != replay.Paused {
					continue
				}
				stops++
				row := w.Row("r")
				limit := row.Cap().ReadUnits
				if row.PausedBy == nil || row.PausedBy.Budget.ReadUnits != limit || ledger.read < limit ||
					ledger.read > limit+c.over {
					t.Fatalf("%+v: %d were read with a budget of %d: %+v", c, ledger.read, limit, row.PausedBy)
				}
				w.Consume()
				if again, err := reader.Read(t.Context(), "r", group, w.Soon()); err != nil || again != replay.Paused {
					t.Fatalf("read while paused: %s, %v", again, err)
				}
				more := request.Budget{ReadUnits: ledger.read + 300}
				_, err = w.Store.SetBudget(t.Context(), "r", more, meter.Usage{})
				w.Must(err)
				_, _, err = w.Store.Resume(t.Context(), "r")
				w.Must(err)
			}
		}
		w.Consume()
		checkpoints, err := w.Store.Tracks(t.Context(), w.Row("r"))
		w.Must(err)
		var delivered int64
		for _, at := range checkpoints {
			delivered += at.End.Delivered.Count
		}
		if stops < 2 || delivered != 1000 {
			t.Errorf("%+v: %d stops, %d delivered", c, stops, delivered)
		}
	}
}

// The ledger of one machine: what is read again counts again, and work that nobody has
// entered, as there was no budget yet, counts by its checkpoints.
func TestABudgetSetLaterCountsWhatWasDoneBefore(t *testing.T) {
	w := replaytest.New(t)
	many(w, 200)
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

// A reader whose row cannot be written fails instead of going on without a budget.
func TestABudgetThatCannotBeKeptIsAnError(t *testing.T) {
	w := replaytest.New(t)
	many(w, 40)
	w.Plan("r", replay.Request{Budget: &request.Budget{ReadUnits: 1}})
	reader := withBudget(w, &units{read: 5}, 0)
	reader.Store.Table = replaytest.Intercepted{Table: w.Store.Table, Write: func(key control.Key) error {
		return replaytest.Failing(replay.RowKey("r"))(key)
	}}
	if outcome, err := reader.Read(t.Context(), "r", 0, w.Soon()); !errors.Is(err, replaytest.ErrUnreadable) {
		t.Errorf("%s, %v", outcome, err)
	}
}
