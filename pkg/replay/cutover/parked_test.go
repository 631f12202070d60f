package cutover

import (
	"errors"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/replay/replaytest"
)

// A parked entity prevents a promotion if the active generation has reached the
// rejected event and accepted it.
func TestAnEntityThatOnlyTheNewGenerationParksIsReported(t *testing.T) {
	parked := &datastore.Parked{Position: "5"}
	for name, tt := range map[string]struct {
		active *datastore.Row
		want   error
	}{
		"the active one took it":              {&datastore.Row{Position: "5"}, ErrParked},
		"the active one is further":           {&datastore.Row{Position: "6"}, ErrParked},
		"the active one has not come there":   {&datastore.Row{Position: "4"}, nil},
		"the active one parks it, too":        {&datastore.Row{Position: "6", Parked: parked}, nil},
		"the active one knows no such entity": {nil, nil},
	} {
		w := replaytest.New(t)
		active := w.Generations.Open(w.Follow("", false))
		if tt.active != nil {
			tt.active.Entity = "a"
			_, err := active.WriteRows(t.Context(), 0, []datastore.RowWrite{{Row: *tt.active}})
			w.Must(err)
		}
		rows := []datastore.Row{{Entity: "a", Position: "6", Parked: parked}}
		if err := compareParked(t.Context(), rows, active, 0); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
