package segment_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/meter"
	"reprise/pkg/replay"
	"reprise/pkg/replay/budget"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/request"
	"reprise/pkg/replay/segment"
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
func withBudget(w *replaytest.World, ledger budget.Ledger, every time.Duration) *segment.Reader {
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
			for outcome := segment.Continue; outcome != segment.Done; {
				var err error
				if outcome, err = reader.Read(t.Context(), "r", group, w.Soon()); err != nil {
					t.Fatal(err)
				}
				if outcome != segment.Paused {
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
				if again, err := reader.Read(t.Context(), "r", group, w.Soon()); err != nil || again != segment.Paused {
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
