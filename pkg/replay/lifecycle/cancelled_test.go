package lifecycle

import (
	"context"
	"testing"

	"reprise/pkg/replay"
)

// The state machine of a cancelled replay may still report a failure or a
// success. The replay nevertheless ends as cancelled.
func TestACancelledReplayEndsAsCancelledHoweverItIsClosed(t *testing.T) {
	for _, reported := range []replay.Status{replay.Failed, replay.Succeeded} {
		c := newClosing(t)
		c.Follow("", false)
		generation := c.Building("r")
		c.Change("r", func(row *replay.Row) { row.Cancel = true })
		row, err := c.closer().Close(t.Context(), "r", reported, &replay.Failure{Error: "States.TaskFailed"})
		if err != nil || row.Status != replay.Cancelled || row.Failure != nil || row.Promoted {
			t.Errorf("closed as %s: %+v, %v", reported, row, err)
		}
		registry := c.RegistryState()
		if _, found := registry.Find(generation); found {
			t.Errorf("closed as %s: generation %s is still there", reported, generation)
		}
	}
}

// executions accept every stop.
type executions struct{ Executions }

func (executions) Stop(context.Context, string, string, string) error { return nil }

// Cancel runs where the internet reaches it, so it gets by without touching a table of
// the Data Store. The end of the execution drops the generation, or else the next sweep.
func TestCancelDropsNothing(t *testing.T) {
	for how, drop := range map[string]func(closing) error{
		"the execution's end": func(c closing) error {
			return (&Service{Store: c.Store, Closer: c.closer()}).Ended(t.Context(), "r", "r", "ABORTED", nil)
		},
		"a sweep": func(c closing) error { return c.closer().Sweep(t.Context()) },
	} {
		c := newClosing(t)
		first := c.Follow("", false)
		generation := c.Building("r")
		withoutTables := &Closer{Store: c.Store, Registry: c.Registry}
		row, err := (&Service{Store: c.Store, Executions: executions{}, Closer: withoutTables}).Cancel(t.Context(), "r")
		if err != nil || row.Status != replay.Cancelled || row.Ended == nil {
			t.Fatalf("cancelled: %+v, %v", row, err)
		}
		c.WantTables(first, generation)
		c.Must(drop(c))
		c.WantTables(first)
		c.WantGenerations(first)
		if row := c.Row("r"); row.Status != replay.Cancelled || row.Failure != nil {
			t.Errorf("after %s: %+v", how, row)
		}
	}
}

// Whoever cancels withdraws the right to flip first. If that is as far as it gets, the replay
// ends all the same, also one that waits for an approval, which nobody can give any more.
func TestReconcileCompletesACancel(t *testing.T) {
	c := newClosing(t)
	s := &Service{Store: c.Store, Executions: &releasing{started: started{"r": true}}, Closer: c.closer()}
	generation := asking(t, c, s)
	c.Must(s.Reconcile(t.Context()))
	if row := c.Row("r"); row.Status.Ended() || row.Cancel {
		t.Fatalf("%+v", row)
	}
	_, err := c.Registry.Withdraw(t.Context(), generation, "r", string(replay.Cancelled), 0)
	c.Must(err)
	c.Must(s.Reconcile(t.Context()))
	if row := c.Row("r"); row.Status != replay.Cancelled {
		t.Errorf("%+v", row)
	}
}
