package replay_test

import (
	"testing"
	"time"

	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/segment"
)

// A replay that was cancelled before it was planned is not planned any more.
// Its step reports that and nothing else.
func TestAReplayThatHasEndedIsNotPlanned(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a")
	w.Create("r", replay.Request{})
	_, _, err := w.Store.End(t.Context(), "r", replay.Cancelled, nil, nil)
	w.Must(err)
	row, err := w.Planner().Plan(t.Context(), "r")
	if err != nil || row.Status != replay.Cancelled || row.Cut != nil || row.Total != 0 {
		t.Errorf("planned as %+v, %v", row, err)
	}
}

// A plan is a cut of the log at one time: what is logged later is not in it,
// and planning again changes nothing.
func TestAPlanStandsWhateverIsLoggedLater(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a", "b", "a")
	first := w.Plan("r", replay.Request{})
	if first.Status != replay.Running || first.Cut == nil || first.Total != 3 || len(first.Lanes) == 0 {
		t.Errorf("planned as %+v", first)
	}
	w.Send("a", "b", "c")
	w.Now = w.Now.Add(time.Hour)
	again, err := w.Planner().Plan(t.Context(), "r")
	if err != nil || again.Total != 3 || !again.Cut.Equal(*first.Cut) || again.Groups != first.Groups {
		t.Errorf("planned again as %+v, %v", again, err)
	}
}

// A reader that runs out of time says so, and the next one continues after what
// was acknowledged: nothing is left out, and nothing is delivered twice.
func TestAReaderGoesOnWhereTheOneBeforeStopped(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a", "a", "a", "a", "a")
	w.Plan("r", replay.Request{})
	reader := w.Reader()
	reader.RecordBytes, reader.PageBytes = 1, 1 // a record, and a look at the clock, for each event
	reader.Playback = replaytest.Slow{Stream: w.Playback, Pass: func() { w.Now = w.Now.Add(20 * time.Second) }}
	var outcomes []segment.Outcome
	for range 2 {
		outcome, err := reader.Read(t.Context(), "r", 0, w.Soon())
		w.Must(err)
		outcomes = append(outcomes, outcome)
	}
	if outcomes[0] != segment.Continue || outcomes[1] != segment.Done {
		t.Errorf("read in %v", outcomes)
	}
	if took := w.Consume(); took.Events != 5 || took.Repeated != 0 || took.Gaps != 0 {
		t.Errorf("taken in were %+v", took)
	}
}

// Records that were delivered and then lost are noticed because the marks do
// not reach the end. They are read again from there.
func TestADrainHasLostRecordsReadAgain(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a", "b", "c", "d")
	w.Plan("r", replay.Request{})
	w.Deliver("r")
	w.Lose()
	drainer := &replay.Drainer{Store: w.Store, Registry: w.Registry, Generations: w.Generations,
		Patience: 10 * time.Second, Poll: time.Second, Sleep: w.Sleep}
	if state, err := drainer.Check(t.Context(), "r", w.Soon()); state != replay.Reread || err != nil {
		t.Fatalf("with all records lost: %s, %v", state, err)
	}
	w.Deliver("r")
	if took := w.Consume(); took.Events != 4 {
		t.Errorf("taken in were %+v", took)
	}
	if state, err := drainer.Check(t.Context(), "r", w.Soon()); state != replay.Drained || err != nil {
		t.Errorf("with all records taken in: %s, %v", state, err)
	}
}

// A proof is complete once the consumer's marks agree with the cut. Before that
// it names the lanes that differ.
func TestAProofComparesWhatWasTakenInWithTheCut(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a", "a", "a")
	row := w.Plan("r", replay.Request{})
	w.Deliver("r")
	proof, err := w.Prover().Prove(t.Context(), "r")
	want := replay.Difference{Lane: row.Lanes[0], What: "events consumed", Want: 3, Have: 0}
	if err != nil || proof.Complete || len(proof.Differences) != 1 || proof.Differences[0] != want {
		t.Errorf("before they were taken in: %+v, %v", proof, err)
	}
	w.Consume()
	proof, err = w.Prover().Prove(t.Context(), "r")
	if err != nil || !proof.Complete || proof.Expected.Count != 3 || proof.Applied != proof.Expected {
		t.Errorf("after they were taken in: %+v, %v", proof, err)
	}
	if kept := w.Row("r").Proof; kept == nil || !kept.Complete {
		t.Errorf("kept is %+v", kept)
	}
}
