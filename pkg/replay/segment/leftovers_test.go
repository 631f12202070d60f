package segment_test

import (
	"testing"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

// Events in the Events table that are not in the log are neither delivered nor
// counted.
func TestLeftoversAreNotDelivered(t *testing.T) {
	w := replaytest.New(t)
	a, b, other := w.EntitiesIn(0, 2)[0], w.EntitiesIn(0, 2)[1], w.EntitiesIn(1, 1)[0]
	w.Send(a, other, b)
	leftover(t, w, a, 2, w.Now, w.Now)  // a record of the other lane has this number
	leftover(t, w, a, 99, w.Now, w.Now) // beyond the head
	w.Plan("r", replay.Request{})
	w.Deliver("r")
	if read := w.Checkpoint("r", 0).End.Read.Count; read != 2 {
		t.Errorf("%d events were read of the lane, want 2", read)
	}
	if took := w.Consume(); took.Events != 3 {
		t.Errorf("%d events were delivered, want 3", took.Events)
	}
	if proof, err := w.Prover().Prove(t.Context(), "r"); err != nil || !proof.Complete {
		t.Errorf("proved as %+v, %v", proof, err)
	}
}

// A leftover that is older than the event stream's retention is never delivered
// to the pump again. The lane's end marker names the highest one beyond the
// cut, and one that the cut should cover but does not.
func TestAnEndMarkerNamesWhatTheLogHasLost(t *testing.T) {
	const retention = 24 * time.Hour
	type left struct {
		entity, number int
		age            time.Duration
	}
	for name, tt := range map[string]struct {
		retention         time.Duration
		left              []left
		stranded, missing int
	}{
		"nothing is left over":           {retention: retention},
		"beyond the cut":                 {retention, []left{{0, 99, retention + time.Millisecond}}, 99, 0},
		"two, the later one first":       {retention, []left{{0, 99, 2 * retention}, {1, 50, 2 * retention}}, 99, 0},
		"two, the later one last":        {retention, []left{{0, 50, 2 * retention}, {1, 99, 2 * retention}}, 99, 0},
		"covered by the cut":             {retention, []left{{0, 2, retention + time.Millisecond}}, 0, 2},
		"one of each":                    {retention, []left{{0, 2, 2 * retention}, {1, 99, 2 * retention}}, 99, 2},
		"the stream still has them":      {retention, []left{{0, 2, retention}, {1, 99, retention}}, 0, 0},
		"a stream that keeps everything": {0, []left{{0, 2, 1_000 * retention}, {1, 99, 1_000 * retention}}, 0, 0},
	} {
		w := replaytest.New(t)
		entities, other := w.EntitiesIn(0, 2), w.EntitiesIn(1, 1)[0]
		w.Send(entities[0], other, entities[1])
		for _, l := range tt.left {
			leftover(t, w, entities[l.entity], l.number, w.Now, w.Now.Add(-l.age))
		}
		end := readLane(t, w, tt.retention)
		wantLost(t, w, name, end, tt.stranded, tt.missing)
	}
}

// A record of the log may also have left an event in an earlier bucket, before
// an attempt to commit it was repeated. That is no loss, whether or not the
// record is the lane's last one.
func TestALeftoverOfARecordInTheLogIsNoLoss(t *testing.T) {
	for _, number := range []int{2, 3} {
		w := replaytest.New(t)
		a, opened := w.EntitiesIn(0, 1)[0], w.Now
		w.Send(a)
		w.Now = w.Now.Add(time.Hour)
		w.Send(a, a)
		leftover(t, w, a, number, opened, opened)
		w.Now = w.Now.Add(48 * time.Hour)
		end := readLane(t, w, 24*time.Hour)
		wantLost(t, w, "of the log", end, 0, 0)
		if end.Read.Count != 3 {
			t.Errorf("%d events were read, want 3", end.Read.Count)
		}
	}
}

// readLane plans and reads replay "r" and returns the end marker of lane 0.
func readLane(t *testing.T, w *replaytest.World, retention time.Duration) replay.End {
	t.Helper()
	reader := w.Reader()
	reader.Retention = retention
	for group := range w.Plan("r", replay.Request{}).Groups {
		_, err := reader.Read(t.Context(), "r", group, w.Soon())
		w.Must(err)
	}
	return *w.Checkpoint("r", 0).End
}

func wantLost(t *testing.T, w *replaytest.World, name string, end replay.End, stranded, missing int) {
	t.Helper()
	at := func(number int) event.Position {
		if number == 0 {
			return ""
		}
		return position(w, number)
	}
	if end.Stranded != at(stranded) || end.Missing != at(missing) {
		t.Errorf("%s: stranded %q, missing %q; want %q and %q", name, end.Stranded, end.Missing, at(stranded), at(missing))
	}
}
