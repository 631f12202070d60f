package cutover_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

// What comes late during a catch-up, and what is lost then.

// What an abandoned prover of an earlier cut has found proves nothing about the next one.
func TestAProofOfAnEarlierCutIsNotKept(t *testing.T) {
	w := replaytest.New(t)
	w.Follow("", false)
	w.Send("a", "b", "a")
	rebuilt(t, w)
	late := w.Prover()
	late.Lost = func() ([]string, error) { // the last thing that it asks before it stores
		w.Send("a")
		outdate(w)
		moved(t, w)
		return nil, nil
	}
	if _, err := late.Prove(t.Context(), "r"); !errors.Is(err, control.ErrConflict) {
		t.Errorf("proved: %v", err)
	}
	if row := w.Row("r"); row.Proof != nil || row.CatchUps != 1 {
		t.Errorf("%+v", row)
	}
}

// An execution that does not carry the replay out any more moves nothing.
func TestASupersededExecutionMovesNothing(t *testing.T) {
	w := replaytest.New(t)
	w.Follow("", false)
	w.Send("a")
	rebuilt(t, w)
	outdate(w)
	_, err := newPromoter(w).CatchUp(t.Context(), w.Planner(), "r", "other")
	if row := w.Row("r"); !errors.Is(err, replay.ErrSuperseded) || row.CatchUps != 0 {
		t.Errorf("%v, %+v", err, row)
	}
}

// A generation that is emptied during a catch-up is lost: what earlier cuts have brought is
// not read again.
func TestAGenerationThatIsEmptiedDuringACatchUpIsLost(t *testing.T) {
	w := replaytest.New(t)
	w.Follow("", false)
	w.Send("a", "b", "a")
	rebuilt(t, w)
	w.Send("a")
	outdate(w)
	moved(t, w)
	w.Deliver("r")
	w.Must(w.Generations.Clear(t.Context(), w.Row("r").Generation))
	w.Consume()
	drainer := replay.Drainer{Store: w.Store, Registry: w.Registry, Generations: w.Generations, Poll: time.Second,
		Patience: 10 * time.Second, Sleep: w.Sleep}
	_, err := drainer.Check(context.Background(), "r", w.Soon())
	if !errors.Is(err, replay.ErrGenerationLost) {
		t.Errorf("%v", err)
	}
}

// Records that are lost during a catch-up are read again from the moved cut's begin on.
func TestWhatIsLostDuringACatchUpIsReadAgain(t *testing.T) {
	w := replaytest.New(t)
	w.Follow("", false)
	w.Send("a", "b", "a")
	rebuilt(t, w)
	w.Send("a", "b", "b")
	outdate(w)
	moved(t, w)
	w.Deliver("r")
	w.Lose()
	drainer := replay.Drainer{Store: w.Store, Registry: w.Registry, Generations: w.Generations, Poll: time.Second,
		Patience: 10 * time.Second, Sleep: w.Sleep}
	if state, err := drainer.Check(t.Context(), "r", w.Soon()); err != nil || state != replay.Reread {
		t.Fatalf("%s, %v", state, err)
	}
	w.Deliver("r")
	if consumed := w.Consume(); consumed.Events != 3 || consumed.Repeated+int64(consumed.Gaps) != 0 {
		t.Errorf("%+v", consumed)
	}
	prove(t, w)
	if proof := w.Row("r").Proof; !proof.Complete {
		t.Errorf("%+v", proof)
	}
}

// An execution was about to make the moved cut its replay's when it ended, and the replay
// was continued: the next execution has the plan of the cut that is left, and goes on
// with it.
func TestAMoveOfAnEarlierExecutionComesTooLate(t *testing.T) {
	w := replaytest.New(t)
	w.Follow("", false)
	w.Send("a", "b", "a")
	rebuilt(t, w)
	w.Send("a")
	outdate(w)
	late := w.Planner()
	late.Store.Table = replaytest.Intercepted{Table: w.Store.Table,
		Write: replaytest.Once(replay.RowKey("r"), func() {
			_, _, err := w.Store.End(t.Context(), "r", replay.Failed, &replay.Failure{Error: "E"}, nil)
			w.Must(err)
			_, err = w.Store.Continue(t.Context(), "r", "r.1")
			w.Must(err)
		})}
	row, err := newPromoter(w).CatchUp(t.Context(), late, "r", "r")
	if err != nil || row.CatchUps != 0 || w.Row("r").CatchUps != 0 {
		t.Errorf("%v, %+v", err, row)
	}
	row, err = newPromoter(w).CatchUp(t.Context(), w.Planner(), "r", "r.1")
	if err != nil || row.CatchUps != 1 {
		t.Errorf("%v, %+v", err, row)
	}
	take(w)
	prove(t, w)
	if proof := w.Row("r").Proof; !proof.Complete {
		t.Errorf("%+v", proof)
	}
}
