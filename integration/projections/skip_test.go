package projections

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"reprise/pkg/api/entities"
	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
)

// TestSkippedEventStaysSkippedUntilTheProjectionCanApplyIt skips a poison event,
// rebuilds with the same projection and gets the same state, and rebuilds with one
// that can apply the event, for which the correction has no effect.
func TestSkippedEventStaysSkippedUntilTheProjectionCanApplyIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := localtest.Start(t, local.Options{Dir: dir, Lanes: 1, Projections: []projection.Projection{tally(1, true)}})
	p.Send("/events", []json.RawMessage{won("ann", 1, 3), won("ann", 2, 1.5), won("ann", 3, 1), won("ann", 4, 0.5),
		won("ann", 3, 1), won("ann", 5, 2)})
	p.Settle(6)
	first := parkedAt(t, p, "ann")
	skip(t, p, "ann", first)
	p.Settle(7)
	if ann := p.Rows("", 1)["ann"]; ann.Parked == nil || string(ann.State) != `{"points":4}` || ann.Skipped != 1 ||
		ann.Parked.Waiting != 2 {
		t.Errorf("ann, parked at the next poison event: %+v, %+v", ann, ann.Parked)
	}
	skip(t, p, "ann", parkedAt(t, p, "ann"))
	p.Settle(8)
	live := p.Rows("", 1)["ann"]
	if live.Parked != nil || string(live.State) != `{"points":6}` || live.Skipped != 2 || live.Corrections != 2 {
		t.Errorf("ann: %+v", live)
	}
	got := p.Replay("same", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded || got.Proof.Rows.Skipped != 2 || got.Proof.Rows.Corrections != 2 {
		t.Errorf("rebuild: %+v, %+v", got, got.Proof)
	}
	rebuilt := p.Rows("", 1)["ann"]
	if rebuilt.Generation == live.Generation || string(rebuilt.State) != string(live.State) ||
		rebuilt.Chain != live.Chain ||
		rebuilt.Position != live.Position || rebuilt.Skipped != 2 || rebuilt.Corrections != 2 {
		t.Errorf("rebuilt: %+v\nlive: %+v", rebuilt, live)
	}
	p.Stop()

	p = localtest.Start(t, local.Options{Dir: dir, Lanes: 1, Projections: []projection.Projection{tally(1, false)}})
	got = p.Replay("mended", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded || !got.Proof.Complete {
		t.Errorf("rebuild with the mended projection: %+v, %+v", got, got.Failure)
	}
	if ann := p.Rows("", 1)["ann"]; string(ann.State) != `{"points":8}` || ann.Skipped != 0 ||
		ann.Corrections != 2 || ann.Count != 5 {
		t.Errorf("ann, mended: %+v", ann)
	}
}

func parkedAt(t *testing.T, p *localtest.Platform, entity string) event.Position {
	t.Helper()
	status, body := p.Call(http.MethodGet, "/parked", "", nil)
	var page entities.ParkedPage
	if err := json.Unmarshal(body, &page); status != http.StatusOK || err != nil || len(page.Parked) != 1 ||
		page.Parked[0].Entity != entity {
		t.Fatalf("GET /parked: %d %s", status, body)
	}
	return page.Parked[0].Position
}

func skip(t *testing.T, p *localtest.Platform, entity string, at event.Position) {
	t.Helper()
	status, body := p.Call(http.MethodPost, "/entities/"+web.EncodeEntity(entity)+"/skip", "application/json",
		fmt.Appendf(nil, `{"event":%q,"reason":"poison"}`, at))
	if status != http.StatusAccepted {
		t.Fatalf("skip: %d %s", status, body)
	}
}
