package verify_test

import (
	"fmt"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/verify"
)

// What came after the cut is not missed, and a consumer that is behind is one
// difference of its lane, not one of each row. It is waited for.
func TestTheLagOfTheConsumerIsNoDriftOfRows(t *testing.T) {
	t.Parallel()
	w, _ := drifted(t, embedded)
	w.plan("v")
	w.sendTo("y", "x", "new")
	w.check("v", false)
	if row := w.report("v"); row.Status != verify.Clean {
		t.Errorf("%s: %+v", row.Status, row.Report.Differences)
	}
	w.patient = time.Minute
	if row := w.verify("behind"); kinds(row) != "[behind]" {
		t.Errorf("%s: %+v", kinds(row), row.Report.Differences)
	}
	w.slept = w.settle
	if row := w.verify("waited"); row.Status != verify.Clean {
		t.Errorf("%s: %+v", row.Status, row.Report.Differences)
	}
}

// lagging is a world with an entity in each of two lanes, whose consumer has fallen far
// behind: there are many events in the first lane, and one in the second.
func lagging(t *testing.T) (w *world, busy, quiet string) {
	t.Helper()
	w = newWorld(t)
	w.patient = time.Minute
	busy = "busy"
	for i := 0; quiet == ""; i++ {
		if name := fmt.Sprint("quiet", i); w.laneOf(name) != w.laneOf(busy) {
			quiet = name
		}
	}
	for range 30 {
		w.sendTo(busy)
	}
	w.sendTo(quiet)
	return w, busy, quiet
}

func (w *world) laneOf(entity string) event.Lane { return w.pump.Decoder.Lanes.Of(entity) }

// consume lets the consumer take a lane's next event.
func (w *world) consume(lane event.Lane) {
	w.t.Helper()
	_, err := w.live.Write(w.ctx, datastore.FirstGeneration, lane, w.queue[lane][:1])
	w.must(err)
	w.queue[lane] = w.queue[lane][1:]
}

// A consumer that works through a backlog is waited for, however long it takes, also in a
// lane that it comes to only at the end.
func TestASlowConsumerIsNoDrift(t *testing.T) {
	t.Parallel()
	for _, groups := range []bool{false, true} {
		w, busy, quiet := lagging(t)
		w.slept = func() {
			w.clock.pass(50 * time.Second)
			switch {
			case len(w.queue[w.laneOf(busy)]) > 0:
				w.consume(w.laneOf(busy))
			case len(w.queue[w.laneOf(quiet)]) > 0:
				w.consume(w.laneOf(quiet))
			}
		}
		w.plan("v")
		w.check("v", groups)
		if row := w.report("v"); row.Status != verify.Clean || row.Report.Events != 31 {
			t.Errorf("%s: %+v", row.Status, row.Report)
		}
	}
}

// A lane in which the consumer hangs is found, although it goes on with live traffic in the
// other one forever.
func TestALaneThatHangsIsBehind(t *testing.T) {
	t.Parallel()
	w, busy, quiet := lagging(t)
	begun := w.clock.time()
	w.slept = func() {
		w.clock.pass(20 * time.Second)
		if w.clock.time().Sub(begun) > 2*time.Hour {
			return // so that the test ends, whatever is waited for
		}
		w.consume(w.laneOf(busy))
		w.sendTo(busy)
	}
	row := w.verify("v")
	if d := row.Report.Differences; kinds(row) != "[behind]" || len(d) != 1 || d[0].Lane != w.laneOf(quiet) {
		t.Errorf("%s: %+v", kinds(row), d)
	}
	if took := w.clock.time().Sub(begun); took > time.Hour {
		t.Errorf("it took %s", took)
	}
}

// While a consumer is waited for, the verification can be cancelled, and its step ends in
// time and is done again.
func TestWaitingForAConsumerEnds(t *testing.T) {
	t.Parallel()
	w, busy, _ := lagging(t)
	w.slept = func() {
		w.clock.pass(20 * time.Second)
		if len(w.queue[w.laneOf(busy)]) > 1 {
			w.consume(w.laneOf(busy))
		}
	}
	w.plan("v")
	deadline := w.clock.time().Add(2 * time.Minute)
	checked, err := w.checker().Check(t.Context(), "v", 0, deadline)
	if late := w.clock.time().Sub(deadline); err != nil || checked.Outcome != verify.Continue || late > 2*time.Minute {
		t.Errorf("%+v, %v, %s after its end", checked, err, late)
	}
	w.slept = func() {
		_, err := w.store.RequestCancel(t.Context(), "v")
		w.must(err)
	}
	checked, err = w.checker().Check(t.Context(), "v", 0, deadline.Add(time.Hour))
	if err != nil || checked.Outcome != verify.Stopped {
		t.Errorf("%+v, %v", checked, err)
	}
}
