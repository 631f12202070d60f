package integration

import (
	"slices"
	"testing"

	"reprise/integration/deployed"
	"reprise/pkg/handler"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

// sendDeployed sends a log in parts that the API of a small deployment takes.
func (d dataset) sendDeployed(w *deployed.World) {
	for batch := range slices.Chunk(d.lines, 1000) {
		w.Send("/events", batch)
	}
}

// settleDeployed waits until n different events are applied, and nothing that
// came twice is still under way.
func settleDeployed(w *deployed.World, n int64) map[string]handler.EntityView {
	localtest.Until(w, "/lanes", func(view handler.LanesView) bool {
		for _, lane := range view.Lanes {
			if lane.Applied != lane.Position {
				return false
			}
		}
		var count int64
		for _, row := range w.Rows("", lanes) {
			count += row.Count
		}
		return count >= n
	})
	return w.Rows("", lanes)
}

func TestAsDeployedLogsAgreeWithGitLiveAndRebuilt(t *testing.T) {
	if testing.Short() {
		t.Skip("builds every function and synthesizes the stacks")
	}
	d := litestream(t)
	n := int64(len(d.lines))
	described := deployed.Synthesize(t, map[string]any{"reprise:lanes": lanes, "reprise:shards": 2, "reprise:parallelization": 2})
	w := deployed.Start(t, deployed.Options{Prefix: "reprise", Deployment: described, Programs: deployed.Build(t)})
	// The schedule makes the first generation.
	localtest.Until(w, "/generations", func(view handler.GenerationsView) bool { return view.Active != "" })
	d.sendDeployed(w)
	live := settleDeployed(w, n)
	d.judge(t, "live", live)

	w.Wipe()
	got := w.Replay("again", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded || got.Progress.Applied != n {
		t.Fatalf("rebuild: %+v, failure %+v", got, got.Failure)
	}
	rebuilt := w.Rows("", lanes)
	d.judge(t, "rebuilt", rebuilt)
	same(t, "rebuilt", rebuilt, live)
}
