package integration

import (
	"math/rand/v2"
	"slices"
	"testing"

	"reprise/integration/deployed"
	"reprise/pkg/api"
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
func settleDeployed(w *deployed.World, n int64) map[string]api.EntityView {
	localtest.Until(w, "/lanes", func(view api.LanesView) bool {
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

// TestAsDeployed runs the binaries of all functions on what the synthesized
// templates describe, each scenario on a deployment of its own.
func TestAsDeployed(t *testing.T) {
	if testing.Short() {
		t.Skip("builds every function and synthesizes the stacks")
	}
	described := deployed.Synthesize(t, map[string]any{"reprise:lanes": lanes, "reprise:shards": 2, "reprise:parallelization": 2})
	programs := deployed.Build(t)
	for _, scenario := range []struct {
		name string
		play func(*testing.T, *deployed.World)
	}{
		{"litestream", func(t *testing.T, w *deployed.World) {
			logAgreesWithGit(t, w, litestream(t))
			startedFromAConsole(t, w, int64(len(litestream(t).lines)))
			goesOnAcrossADeploy(t, w, int64(len(litestream(t).lines)))
		}},
		{"karpenter", func(t *testing.T, w *deployed.World) { logAgreesWithGit(t, w, karpenter(t)) }},
		{"faults", outcomeIsExactUnderFaults},
		{"projections", otherProjectionsEndARebuild},
	} {
		t.Run(scenario.name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			w := deployed.Start(t, deployed.Options{Prefix: "reprise", Deployment: described, Programs: programs, Seed: seed})
			// The schedule makes the first generation.
			localtest.Until(w, "/generations", func(view api.GenerationsView) bool { return view.Active != "" })
			scenario.play(t, w)
		})
	}
}

// logAgreesWithGit sends a real log, loses the state, and rebuilds it.
func logAgreesWithGit(t *testing.T, w *deployed.World, d dataset) {
	n := int64(len(d.lines))
	d.sendDeployed(w)
	live := settleDeployed(w, n)
	d.judge(t, "live", live)
	if n > 10_000 { // a small log's fixed costs say nothing
		ingestCosts(t, w, n)
	}

	w.Wipe()
	got := w.Replay("again", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded || got.Progress.Applied != n {
		t.Fatalf("rebuild: %+v, failure %+v", got, got.Failure)
	}
	rebuilt := w.Rows("", lanes)
	d.judge(t, "rebuilt", rebuilt)
	same(t, "rebuilt", rebuilt, live)
	if n > 10_000 {
		replayCosts(t, got, n)
	}
}
