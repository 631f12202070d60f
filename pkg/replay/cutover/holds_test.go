package cutover_test

import (
	"bytes"
	"context"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/replaytest"
)

// holding runs something once, when a hold of the active generation is written.
type holding struct {
	control.Table
	do func()
}

func (h *holding) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	if do := h.do; do != nil && bytes.Contains(body, []byte(`"hold":{`)) {
		h.do = nil
		do()
	}
	return h.Table.Put(ctx, key, body, previous)
}

// The live path waits while a generation is held, so nothing is held before the
// new generation has caught up.
func TestNothingIsHeldUntilTheGenerationHasCaughtUp(t *testing.T) {
	w := replaytest.New(t)
	w.Follow("", false)
	w.Send("a")
	rebuilt(t, w)
	prove(t, w)
	promoter := newPromoter(w)
	w.Must(promoter.Follow(t.Context(), "r"))
	w.Send("a") // its consumer has not folded this in
	state, err := promoter.Promote(t.Context(), "r", w.Soon())
	if state != cutover.CatchingUp || err != nil || w.RegistryState().Holds != 0 {
		t.Errorf("%s, %v after %d holds", state, err, w.RegistryState().Holds)
	}
}

// The active generation may be about to park an entity that the new one has
// already parked. The difference counts only while the active generation stands
// still.
func TestAParkedEntityIsComparedWhileTheActiveGenerationStandsStill(t *testing.T) {
	w := replaytest.New(t)
	active := w.Generations.Open(w.Follow("", false))
	w.Send("a")
	rebuilt(t, w)
	prove(t, w)
	lane, parked := w.Lanes.Of("z"), &datastore.Parked{Position: "5"}
	write := func(g datastore.Generation, row datastore.Row, previous string) {
		row.Entity = "z"
		conflicts, err := g.WriteRows(t.Context(), lane, []datastore.RowWrite{{Row: row, Previous: event.Position(previous)}})
		w.Must(err)
		if len(conflicts) > 0 {
			t.Fatalf("conflicts: %v", conflicts)
		}
	}
	promoter := newPromoter(w)
	w.Must(promoter.Follow(t.Context(), "r"))
	write(w.Generations.Open(w.Row("r").Generation), datastore.Row{Position: "6", Parked: parked}, "")
	write(active, datastore.Row{Position: "5"}, "")
	promoter.Registry.Table = &holding{promoter.Registry.Table, func() {
		write(active, datastore.Row{Position: "6", Parked: parked}, "5")
	}}
	state, err := promoter.Promote(t.Context(), "r", w.Soon())
	if state != cutover.Promoted || err != nil {
		t.Errorf("%s, %v", state, err)
	}
}
