package integration

import (
	"slices"
	"testing"

	"reprise/integration/deployed"
	"reprise/integration/faultproxy"
	"reprise/pkg/handler"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

// trouble is what a bad day of a service looks like, in shares of requests.
func trouble() faultproxy.Rates {
	return faultproxy.Rates{faultproxy.Throttle: 0.04, faultproxy.Internal: 0.01, faultproxy.ResetBefore: 0.01,
		faultproxy.ResetAfter: 0.01, faultproxy.Hang: 0.002, faultproxy.Late: 0.002, faultproxy.Twice: 0.005, faultproxy.Partial: 0.1}
}

// deployedKills end every function that works on batches while it has done a part of
// one.
func deployedKills() []deployed.Kill {
	return []deployed.Kill{
		{Folder: "load-events", Service: "kinesis", Target: "reprise-event-stream", Nth: 5, Times: 2},
		{Folder: "pump-events", Service: "dynamodb", Target: "reprise-events", Nth: 40, Times: 4},
		{Folder: "write-state", Service: "dynamodb", Target: "reprise-generation-", Nth: 30, Times: 4},
		{Folder: "read-segment", Service: "kinesis", Target: "reprise-playback", Nth: 3, Times: 2},
		{Folder: "apply-playback", Service: "dynamodb", Target: "reprise-generation-", Nth: 30, Times: 3},
	}
}

// outcomeIsExactUnderFaults lets one service after the other throttle, then all
// of them fail in every way that they know, with functions killed in the middle
// of their batches, live and in a rebuild.
func outcomeIsExactUnderFaults(t *testing.T, w *deployed.World) {
	d := litestream(t)
	services := []string{"dynamodb", "kinesis", "states", "lambda"}
	parts := slices.Collect(slices.Chunk(d.lines, (len(d.lines)+len(services))/(len(services)+1)))
	sent := 0
	for i, service := range services {
		w.Proxies[service].SetRates(faultproxy.Rates{faultproxy.Throttle: 0.3})
		w.Send("/events", parts[i])
		sent += len(parts[i])
		settleDeployed(w, int64(sent))
		w.Replay("while-"+service+"-throttles", `{}`)
		// Some services have few calls: a status has one of Step Functions, and
		// the schedule looks at Lambda's mappings.
		localtest.Until(w, "/status", func(handler.StatusView) bool { return w.Proxies[service].Counts()["throttle"] > 1 })
		w.Proxies[service].SetRates(nil)
	}

	w.SetRates(trouble())
	w.Kill(deployedKills()...)
	for few := range slices.Chunk(parts[len(services)], 40) {
		w.Send("/events", few)
	}
	got := w.Replay("again", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded {
		t.Fatalf("rebuild: %+v, failure %+v", got, got.Failure)
	}
	w.SetRates(nil)
	rebuilt := settleDeployed(w, int64(len(d.lines)))
	d.judge(t, "rebuilt", rebuilt)
	live := w.Rows("g0001", lanes)
	d.judge(t, "live", live)
	same(t, "rebuilt", rebuilt, live)
	t.Logf("killed: %v", w.Killed())
	for _, kill := range deployedKills() {
		if w.Killed()[kill.Folder] == 0 {
			t.Errorf("%s was never killed while it worked: %v", kill.Folder, w.Killed())
		}
	}
	for name, proxy := range w.Proxies {
		t.Logf("%s: %v", name, proxy.Counts())
	}
}
