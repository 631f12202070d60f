package deploys

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"reprise/integration/datasets"
	"reprise/integration/deployed"
	"reprise/pkg/aws/settings"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// TestRebuildGoesOnAcrossADeploy deploys steps that fail at once in the middle of a
// rebuild. The rebuild must not call them: an execution keeps running the code that
// planned it.
func TestRebuildGoesOnAcrossADeploy(t *testing.T) {
	t.Parallel()
	w, log := deployed.New(t), datasets.Litestream(t)
	events := int64(len(log.Lines))
	w.SendLog(log)
	before := w.SettleRows(events)
	lift := w.Refuse("kinesis", "reprise-playback")
	defer lift()
	request := []byte(`{"name":"across","input":{"rebuild":true,"promote":true}}`)
	status, body := w.Call("POST", "/replays", "application/json", request)
	if status != http.StatusCreated {
		t.Fatalf("start replay: %d %s", status, body)
	}
	w.AwaitGivenUp("read-segment")
	w.DeploySteps(func(env map[string]string) { env[settings.EnvLanes] = strconv.Itoa(2 * deployed.Lanes) })
	for _, step := range w.Steps() {
		if _, err := w.Host.Invoke(t.Context(), step, json.RawMessage(`{"replay":"across"}`)); err == nil {
			t.Errorf("%s begins with other lanes", step)
		}
	}
	lift()
	got := localtest.Until(w, "/replays/across", func(v lifecycle.View) bool { return v.Status.Ended() })
	if got.Status != replay.Succeeded || got.Progress.Applied != events || got.Proof == nil || !got.Proof.Complete {
		t.Fatalf("rebuild across a deploy: %+v, failure %+v", got, got.Failure)
	}
	datasets.Same(t, "rebuilt across a deploy", w.Rows("", deployed.Lanes), before)
}
