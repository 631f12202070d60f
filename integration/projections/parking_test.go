package projections

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/event"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/steps"
)

// tally counts points; while broken, it rejects fractions.
func tally(version int, broken bool) projection.Projection {
	type state struct {
		Points float64 `json:"points"`
	}
	return projection.New("tally", version, []string{"points.won"}, func(s state, e *event.Event) (state, error) {
		var data struct{ Points float64 }
		if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
			return s, errors.New("data is not points")
		}
		if broken && data.Points != float64(int(data.Points)) {
			return s, errors.New("half a point cannot be won")
		}
		s.Points += data.Points
		return s, nil
	})
}

func won(player string, id int, points float64) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(
		`{"specversion":"1.0","id":"%d","source":"test","type":"points.won","subject":%q,"data":{"points":%g}}`,
		id, player, points))
}

func TestRejectedEventParksItsEntityOnlyUntilTheProjectionIsMended(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// One lane, so that the players are neighbours.
	p := localtest.Start(t, local.Options{Dir: dir, Lanes: 1, Projections: []projection.Projection{tally(1, true)}})
	p.Send("/events", []json.RawMessage{won("ann", 1, 3), won("bob", 1, 2), won("ann", 2, 1.5), won("bob", 2, 4),
		won("ann", 3, 1)})
	p.Settle(5)

	rows := p.Rows("", 1)
	if ann := rows["ann"]; ann.Parked == nil || ann.Count != 1 || string(ann.State) != `{"points":3}` ||
		ann.Parked.Waiting != 1 {
		t.Errorf("ann: %+v", ann)
	}
	if bob := rows["bob"]; bob.Parked != nil || string(bob.State) != `{"points":6}` {
		t.Errorf("bob: %+v", bob)
	}
	status := localtest.Until(p, "/status", func(api.StatusView) bool { return true })
	if status.Parked.Count != 1 {
		t.Errorf("status shows %d parked entities", status.Parked.Count)
	}
	// A rebuild with the same projection parks the same entity and says so. It may
	// become active, because it parks no more than the active generation.
	got := p.Replay("still-broken", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded || got.Progress.Parked != 1 || got.Progress.Applied != 3 {
		t.Errorf("rebuild with the broken projection: %+v, %+v", got, got.Failure)
	}
	p.Stop()

	// It keeps its version, because events that it accepted give the same state.
	p = localtest.Start(t, local.Options{Dir: dir, Lanes: 1, Projections: []projection.Projection{tally(1, false)}})
	p.Send("/events", []json.RawMessage{won("ann", 4, 0.5)})
	p.Settle(6)
	if ann := p.Rows("", 1)["ann"]; ann.Parked == nil || ann.Count != 1 || ann.Parked.Waiting != 2 {
		t.Errorf("ann before the rebuild: %+v", ann)
	}
	got = p.Replay("mended", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded || got.Progress.Parked != 0 || got.Progress.Applied != 6 {
		t.Errorf("rebuild with the mended projection: %+v, %+v", got, got.Failure)
	}
	rows = p.Rows("", 1)
	if ann := rows["ann"]; ann.Parked != nil || string(ann.State) != `{"points":6}` || ann.Count != 4 {
		t.Errorf("ann after the rebuild: %+v", ann)
	}
}

func TestGenerationOfAnotherVersionStandsStillUntilARebuild(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := localtest.Start(t, local.Options{Dir: dir, Lanes: 2, Projections: []projection.Projection{tally(1, false)}})
	p.Send("/events", []json.RawMessage{won("ann", 1, 3)})
	p.Settle(1)
	p.Stop()

	p = localtest.Start(t, local.Options{Dir: dir, Lanes: 2, Projections: []projection.Projection{tally(2, false)}})
	p.Send("/events", []json.RawMessage{won("ann", 2, 4)})
	got := p.Replay("version-2", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded {
		t.Fatalf("rebuild: %+v, %+v", got, got.Failure)
	}
	p.Settle(2)
	if ann := p.Rows("", 2)["ann"]; string(ann.State) != `{"points":7}` || ann.Version != "tally@2" {
		t.Errorf("ann: %+v", ann)
	}
}

func TestRebuildThatParksMoreIsNotPromoted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := localtest.Start(t, local.Options{Dir: dir, Lanes: 1, Projections: []projection.Projection{tally(1, false)}})
	p.Send("/events", []json.RawMessage{won("ann", 1, 1.5)})
	p.Settle(1)
	p.Stop()

	p = localtest.Start(t, local.Options{Dir: dir, Lanes: 1, Projections: []projection.Projection{tally(1, true)}})
	got := p.Replay("worse", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Failed || got.Promoted || got.Failure == nil || got.Failure.Error != steps.FaultParked {
		t.Errorf("rebuild: %+v, %+v", got, got.Failure)
	}
	if ann := p.Rows("", 1)["ann"]; ann.Parked != nil || ann.Generation == got.Generation {
		t.Errorf("ann is read from %+v", ann)
	}
	// It is kept for inspection.
	if ann := p.Rows(got.Generation, 1)["ann"]; ann.Parked == nil {
		t.Errorf("ann in the new generation: %+v", ann)
	}
	if status, _ := p.Call(http.MethodGet, "/replays/worse", "", nil); status != http.StatusOK {
		t.Errorf("the replay is gone: %d", status)
	}
}
