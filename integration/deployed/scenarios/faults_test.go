package scenarios

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"reprise/integration/datasets"
	"reprise/integration/deployed"
	"reprise/integration/faultproxy"
	"reprise/pkg/api"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// trouble is the share of requests that fail in each way on a bad day.
func trouble() faultproxy.Rates {
	return faultproxy.Rates{
		faultproxy.Throttle:    0.04,
		faultproxy.Internal:    0.01,
		faultproxy.ResetBefore: 0.01,
		faultproxy.ResetAfter:  0.01,
		faultproxy.Hang:        0.002,
		faultproxy.Late:        0.002,
		faultproxy.Twice:       0.005,
		faultproxy.Partial:     0.1,
	}
}

// kills kill every function that works on batches after it has done a part of one.
func kills() []deployed.Kill {
	return []deployed.Kill{
		{Folder: "load-events", Service: "kinesis", Target: "reprise-event-stream", Nth: 5, Times: 2},
		{Folder: "pump-events", Service: "dynamodb", Target: "reprise-events", Nth: 40, Times: 4},
		{Folder: "write-state", Service: "dynamodb", Target: "reprise-generation-", Nth: 30, Times: 4},
		{Folder: "read-segment", Service: "kinesis", Target: "reprise-playback", Nth: 3, Times: 2},
		{Folder: "apply-playback", Service: "dynamodb", Target: "reprise-generation-", Nth: 30, Times: 3},
	}
}

// TestOutcomeIsExactUnderFaults makes one service after another throttle, then have
// an outage for longer than the functions retry. Then all services fail in every
// possible way while functions are killed in the middle of their batches.
func TestOutcomeIsExactUnderFaults(t *testing.T) {
	t.Parallel()
	w := deployed.NewWith(t, map[string]any{
		"reprise:shards": 2, "reprise:parallelization": 2, deployed.WithService: true})
	d := datasets.Litestream(t)
	parts := slices.Collect(slices.Chunk(d.Lines, len(d.Lines)/6+1))
	for i, service := range []string{"dynamodb", "kinesis", "states", "lambda"} {
		throttled(w, service, parts[i])
	}
	outages(t, w, parts[4])
	got := everyTrouble(w, parts[5])
	if got.Status != replay.Succeeded {
		t.Fatalf("rebuild: %+v, failure %+v", got, got.Failure)
	}
	rebuilt := w.SettleRows(int64(len(d.Lines)))
	d.Judge(t, "rebuilt", rebuilt)
	live := w.Rows("g0001", deployed.Lanes)
	d.Judge(t, "live", live)
	datasets.Same(t, "rebuilt", rebuilt, live)
	t.Logf("killed: %v", w.Killed())
	for _, kill := range kills() {
		if w.Killed()[kill.Folder] == 0 {
			t.Errorf("%s was never killed while it worked", kill.Folder)
		}
	}
	for name, proxy := range w.Proxies {
		t.Logf("%s: %v", name, proxy.Counts())
	}
}

// throttled sends events and replays while a service throttles.
func throttled(w *deployed.World, service string, events []json.RawMessage) {
	w.Proxies[service].SetRates(faultproxy.Rates{faultproxy.Throttle: 0.3})
	w.Send("/events", events)
	w.Replay("while-"+service+"-throttles", `{}`)
	// Some services get few calls: a status calls Step Functions once, and the
	// schedule reads Lambda's mappings.
	localtest.Until(w, "/status", func(api.StatusView) bool { return w.Proxies[service].Counts()["throttle"] > 1 })
	w.Proxies[service].SetRates(nil)
}

// outages refuses the writes of the live path and of a replay, until the functions
// have given up and their batches are retried.
func outages(t *testing.T, w *deployed.World, events []json.RawMessage) {
	t.Helper()
	log := w.Refuse("dynamodb", "reprise-events")
	w.Send("/events", events)
	w.AwaitGivenUp("pump-events")
	log()
	state := w.Refuse("dynamodb", "reprise-generation-")
	w.AwaitGivenUp("write-state")
	state()

	playback := w.Refuse("kinesis", "reprise-playback")
	status, body := w.Call("POST", "/replays", "application/json", []byte(`{"name":"outage","input":{"rebuild":true}}`))
	if status != http.StatusCreated {
		t.Fatalf("start replay: %d %s", status, body)
	}
	w.AwaitGivenUp("read-segment")
	state = w.Refuse("dynamodb", "reprise-generation-")
	playback()
	w.AwaitGivenUp("apply-playback")
	state()
	localtest.Until(w, "/replays/outage", func(v lifecycle.View) bool { return v.Status == replay.Succeeded })
}

// everyTrouble sends events and rebuilds while everything fails now and then.
func everyTrouble(w *deployed.World, events []json.RawMessage) lifecycle.View {
	w.SetRates(trouble())
	defer w.SetRates(nil)
	w.Kill(kills()...)
	for few := range slices.Chunk(events, 40) {
		w.Send("/events", few)
	}
	return w.Replay("again", `{"rebuild":true,"promote":true}`)
}
