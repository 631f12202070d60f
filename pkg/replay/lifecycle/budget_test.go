package lifecycle

import (
	"context"
	"errors"
	"strings"
	"testing"

	"reprise/pkg/meter"
	"reprise/pkg/replay"
	"reprise/pkg/replay/budget"
	"reprise/pkg/replay/request"
)

// spent is a ledger in which every replay has used a number of read units.
type spent struct {
	budget.Ledger
	units float64
	err   error
}

func (s *spent) Used(context.Context, string) (meter.Usage, error) {
	return meter.Usage{ReadUnits: s.units}, s.err
}

// funded is a world with the replay "r", which reads with a budget of 100 read units.
func funded(t *testing.T, units float64) (c closing, s *Service, ledger *spent) {
	t.Helper()
	c, ledger = newClosing(t), &spent{units: units}
	c.Create("r", replay.Request{Budget: &request.Budget{ReadUnits: 100}})
	return c, &Service{Store: c.Store, Closer: c.closer(), Executions: started{}, Ledger: ledger}, ledger
}

// A replay whose budget is used up cannot be resumed, whoever paused it, until the budget
// is raised; then resuming may be repeated.
func TestAReplayOverItsBudgetIsNotResumed(t *testing.T) {
	for _, person := range []bool{true, false} {
		c, s, _ := funded(t, 100)
		ctx := t.Context()
		if person {
			_, err := s.Pause(ctx, "r")
			c.Must(err)
		} else {
			row, err := s.CheckBudget(ctx, c.Row("r"))
			if err != nil || !row.Paused {
				t.Fatalf("%+v, %v", row, err)
			}
		}
		parked, err := c.Store.ParkToken(ctx, "r", "token")
		c.Must(err)
		_, err = s.Resume(ctx, "r")
		if row := c.Row("r"); !errors.Is(err, replay.ErrOverBudget) || !parked || !row.Parked() || row.PausedBy == nil {
			t.Errorf("%v, %+v", err, row)
		}
		row, err := s.SetBudget(ctx, "r", request.Budget{ReadUnits: 101})
		if err != nil || !row.Paused {
			t.Errorf("%+v, %v", row, err)
		}
		for range 2 {
			row, err = s.Resume(ctx, "r")
			if err != nil || row.Paused || row.PausedBy != nil || len(c.Row("r").Tokens) > 0 {
				t.Errorf("%+v, %v", row, err)
			}
		}
	}
}

// Once nothing is left to read, a replay that a person paused goes on whatever was used.
func TestAReplayThatHasReadAllIsResumedOverItsBudget(t *testing.T) {
	c, s, _ := funded(t, 1000)
	c.Change("r", func(row *replay.Row) { row.Status = replay.Draining })
	_, err := s.Pause(t.Context(), "r")
	c.Must(err)
	if row, err := s.Resume(t.Context(), "r"); err != nil || row.Paused {
		t.Errorf("%+v, %v", row, err)
	}
}

// A budget below what was used pauses at once; what cannot be a budget changes nothing, and
// neither does a ledger that does not answer.
func TestBudgetsAreSet(t *testing.T) {
	c, s, ledger := funded(t, 50)
	ctx := t.Context()
	for _, bad := range []request.Budget{
		{ReadUnits: -1}, {Dollars: -1}, {Dollars: 1, ReadUnits: 1}, {ReadUnits: 1e12 + 1},
	} {
		if _, err := s.SetBudget(ctx, "r", bad); !errors.Is(err, replay.ErrRequest) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	ledger.err = errors.New("down")
	_, err := s.SetBudget(ctx, "r", request.Budget{ReadUnits: 1})
	if row := c.Row("r"); !errors.Is(err, ledger.err) || row.Budget != nil || row.Paused {
		t.Errorf("%v, %+v", err, row)
	}
	ledger.err = nil
	row, err := s.SetBudget(ctx, "r", request.Budget{ReadUnits: 50})
	if err != nil || !row.Paused || !strings.Contains(row.PausedBy.Cause, "the budget of 50 read units is used up") {
		t.Errorf("%+v, %v", row, err)
	}
	row, err = s.SetBudget(ctx, "r", request.Budget{})
	if err != nil || !row.Cap().None() || !row.Paused {
		t.Errorf("%+v, %v", row, err)
	}
	if _, err := s.SetBudget(ctx, "none", request.Budget{}); !errors.Is(err, replay.ErrNotFound) {
		t.Error(err)
	}
}

// People are shown the budget, what of it is used, and that a replay paused by itself.
func TestAReplayIsShownWithItsBudget(t *testing.T) {
	c, s, ledger := funded(t, 0)
	v := &Viewer{Store: c.Store, Registry: c.Registry, Generations: c.Generations, Ledger: ledger}
	show := func() View {
		view, err := v.View(t.Context(), c.Row("r"))
		c.Must(err)
		return view
	}
	if b := show().Budget; b == nil || b.Spent != nil || b.UsedUp || b.Limit.ReadUnits != 100 {
		t.Errorf("%+v", b)
	}
	ledger.units = 101
	_, err := s.CheckBudget(t.Context(), c.Row("r"))
	c.Must(err)
	_, err = c.Store.ParkToken(t.Context(), "r", "token")
	c.Must(err)
	view := show()
	detail, err := v.Detail(t.Context(), c.Row("r"))
	if err != nil || view.Status != replay.ShownPaused || view.PausedBy == nil ||
		*view.Budget.Spent != view.PausedBy.Spent || !view.Budget.UsedUp || detail.PausedBy == nil || !detail.Budget.UsedUp {
		t.Errorf("%+v, %+v, %v", view.Budget, detail.Budget, err)
	}
	if summary := Summary(c.Row("r")); summary.PausedBy == nil || summary.Budget.Limit.ReadUnits != 100 {
		t.Errorf("%+v", summary)
	}
}
