package segment_test

import (
	"errors"
	"testing"

	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/segment"
)

// Nothing is delivered for a replay that somebody cancelled or that has ended
// in any way, whichever of the two is known.
func TestNothingIsReadForAReplayThatShallNotGoOn(t *testing.T) {
	for name, stop := range map[string]func(w *replaytest.World){
		"cancelled": func(w *replaytest.World) { w.Change("r", func(row *replay.Row) { row.Cancel = true }) },
		"failed": func(w *replaytest.World) {
			_, _, err := w.Store.End(t.Context(), "r", replay.Failed, nil, nil)
			w.Must(err)
		},
	} {
		w := replaytest.New(t)
		w.Send("a", "b")
		row := w.Plan("r", replay.Request{})
		stop(w)
		for group := range row.Groups {
			outcome, err := w.Reader().Read(t.Context(), "r", group, w.Soon())
			if outcome != segment.Stopped || err != nil {
				t.Errorf("%s: group %d: %s, %v", name, group, outcome, err)
			}
		}
	}
}

// A group that is not in the plan is a wrong request, not a crash.
func TestAGroupThatThePlanLacksIsRefused(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a")
	row := w.Plan("r", replay.Request{})
	for _, group := range []int{-1, row.Groups, row.Groups + 1} {
		if _, err := w.Reader().Read(t.Context(), "r", group, w.Soon()); !errors.Is(err, replay.ErrRequest) {
			t.Errorf("group %d: %v", group, err)
		}
	}
}

// A paused child still tells how far its group is.
func TestAPausedReadingKeepsTheNumbers(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a", "b", "c", "d", "e")
	row := w.Plan("r", replay.Request{})
	var want, got int64
	for child := range row.Children() {
		reading, err := w.Reader().ReadCounted(t.Context(), "r", child, w.Soon())
		w.Must(err)
		want += reading.Group.Events
	}
	w.Change("r", func(row *replay.Row) { row.Paused = true })
	for child := range row.Children() {
		reading, err := w.Reader().ReadCounted(t.Context(), "r", child, w.Soon())
		w.Must(err)
		if reading.Outcome != segment.Paused || reading.Events != 0 {
			t.Errorf("%+v", reading)
		}
		got += reading.Group.Events
	}
	if want != 5 || got != want {
		t.Errorf("%d of %d events", got, want)
	}
}
