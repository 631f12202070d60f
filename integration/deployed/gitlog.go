package deployed

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"reprise/integration/datasets"
	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/aws/settings"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// Lanes is the number of lanes in deployments of New: the default of cdk.json.
const Lanes = 4

// requestEvents is the number of events in a request: as many as a small deployment
// accepts.
const requestEvents = 1000

// New starts a deployment with the settings of cdk.json that runs until the test ends,
// and waits for its first generation. It skips the test with -short, and without node
// unless CI=true, when it fails the test.
func New(t testing.TB) *World {
	t.Helper()
	return NewWith(t, nil)
}

// NewWith is New with other settings than those of cdk.json, but as many lanes.
func NewWith(t testing.TB, changes map[string]any) *World {
	t.Helper()
	if testing.Short() {
		t.Skip("builds every function and synthesizes the stacks")
	}
	described := Synthesize(t, changes)
	for _, f := range described.Functions {
		if lanes := f.Environment[settings.EnvLanes]; lanes != strconv.Itoa(Lanes) {
			t.Fatalf("%s runs with %s lanes, the tests expect %d", f.Name, lanes, Lanes)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	programs := ""
	if text, personal := changes[WithPersonal].(string); personal {
		programs = BuildPersonal(t, text)
	} else {
		programs = Build(t)
	}
	w := Start(t, Options{Prefix: "reprise", Deployment: described, Programs: programs, Seed: seed})
	// A schedule makes the first generation.
	localtest.Until(w, "/generations", func(view api.GenerationsView) bool { return view.Active != "" })
	return w
}

// SendLog sends a log.
func (w *World) SendLog(log datasets.Log) { log.Send(w.Client, "/events", requestEvents) }

// SettleRows waits until n different events are applied and every lane has applied
// its whole log, and returns the rows.
func (w *World) SettleRows(n int64) map[string]entities.View {
	w.t.Helper()
	localtest.Until(w, "/lanes", func(view api.LanesView) bool {
		for _, lane := range view.Lanes {
			if lane.Applied != lane.Position {
				return false
			}
		}
		var count int64
		for _, row := range w.Rows("", Lanes) {
			count += row.Count
		}
		return count >= n
	})
	return w.Rows("", Lanes)
}

// AgreesWithGit has a real log sent, wipes the state, and rebuilds it. Both states must
// agree with Git. send must send every event; it returns the rebuild's final view.
func (w *World) AgreesWithGit(t *testing.T, log datasets.Log, send func(datasets.Log)) lifecycle.View {
	t.Helper()
	n := int64(len(log.Lines))
	send(log)
	before := w.SettleRows(n)
	log.Judge(t, "live", before)

	w.Wipe()
	got := w.Replay("again", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded || got.Progress.Applied != n {
		t.Fatalf("rebuild: %+v, failure %+v", got, got.Failure)
	}
	rebuilt := w.Rows("", Lanes)
	log.Judge(t, "rebuilt", rebuilt)
	datasets.Same(t, "rebuilt", rebuilt, before)
	return got
}
