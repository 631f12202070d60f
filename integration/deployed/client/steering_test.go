package client

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"reprise/integration/datasets"
	"reprise/integration/deployed"
	"reprise/pkg/api/entities"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// An operator pauses a rebuild while it reads, resumes it, sees a lane group of it fail
// for good, and continues it to its end. The rows are those of the live path.
func TestAnOperatorPausesResumesAndContinues(t *testing.T) {
	t.Parallel()
	w := deployed.New(t)
	s := with(t, w)
	const accounts, deposits = 12, 20
	var batch []json.RawMessage
	for i := range accounts * (deposits + 1) {
		kind, data := "account.deposited", `{"amount":1}`
		if i < accounts {
			kind, data = "account.opened", `{"owner":"Ada"}`
		}
		batch = append(batch, json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/t","type":%q,`+
			`"subject":"account-%d","data":%s}`, i, kind, i%accounts, data)))
	}
	w.Send("/events", batch)
	w.Settle(int64(len(batch)))
	live := w.Rows("", deployed.Lanes)

	const start = "replay start --name steered --rebuild --promote --parallelism 1 --rate 12"
	s.tryEach([]try{{"operate", start, "steered is"}})
	shows(w, func(v lifecycle.View) bool { return v.Progress.Delivered > 0 })
	s.tryEach([]try{{"operate", "replay pause steered", "steered"}})
	paused := shows(w, func(v lifecycle.View) bool {
		return v.Status == replay.ShownPaused && v.Progress.Consumed == v.Progress.Delivered
	})
	standsStill(t, w, paused)
	// Each process of the reader dies at its second record, until the child is given up.
	w.Kill(deployed.Kill{Folder: "read-segment", Service: "kinesis", Target: "reprise-playback", Nth: 2, Times: 4})
	s.tryEach([]try{{"operate", "replay resume steered", "steered"}})
	shows(w, func(v lifecycle.View) bool { return v.Progress.Delivered > paused.Progress.Delivered })
	failed := shows(w, func(v lifecycle.View) bool { return v.Status.Ended() })
	if failed.Status != replay.Failed || failed.Failure.Error != replay.FaultUnread ||
		failed.Generation != paused.Generation {
		t.Fatalf("%s %+v %s", failed.Status, failed.Failure, failed.Generation)
	}
	failedChild(t, w)
	s.tryEach([]try{
		{"operate", "replay continue steered", "steered"},
		{"operate", "replay set-rate steered 0", "no limit"},
	})
	end := shows(w, func(v lifecycle.View) bool { return v.Status.Ended() })
	if end.Status != replay.Succeeded || !end.Promoted || end.Generation != paused.Generation ||
		end.Progress.Applied != int64(len(batch)) {
		t.Fatalf("%s %+v %+v", end.Status, end.Failure, end.Progress)
	}
	datasets.Same(t, "continued", upToTheCut(w.Rows(end.Generation, deployed.Lanes)), upToTheCut(live))
	s.as("operate", "audit")
	if code, out, errs := s.run("replay", "continue", "steered"); code != 1 {
		t.Errorf("continued after its end: exit %d\n%s%s", code, out, errs)
	}
}

func shows(w *deployed.World, check func(lifecycle.View) bool) lifecycle.View {
	return localtest.Until(w, "/replays/steered", check)
}

// standsStill checks that no step of the replay is invoked while the live path works.
func standsStill(t *testing.T, w *deployed.World, paused lifecycle.View) {
	t.Helper()
	invoked := func() (n int) {
		for _, folder := range []string{"plan-replay", "read-segment", "check-drained", "await-resume", "apply-playback"} {
			_, invocations := w.Used(folder)
			n += invocations
		}
		return n
	}
	w.SettleUsage(0)
	before := invoked()
	w.Send("/events", []json.RawMessage{json.RawMessage(`{"specversion":"1.0","id":"meanwhile","source":"/t",` +
		`"type":"account.opened","subject":"meanwhile","data":{"owner":"Ada"}}`)})
	localtest.Until(w, "/entities/bWVhbndoaWxl", func(v entities.View) bool { return v.Count == 1 })
	if after := invoked(); after != before {
		t.Errorf("%d invocations while the replay is paused", after-before)
	}
	if now := shows(w, func(lifecycle.View) bool { return true }); now.Progress != paused.Progress {
		t.Errorf("while it is paused, the progress went from %+v to %+v", paused.Progress, now.Progress)
	}
}

// failedChild checks that the map run shows the child that failed.
func failedChild(t *testing.T, w *deployed.World) {
	t.Helper()
	console := w.StepFunctions()
	runs, err := console.ListMapRuns(t.Context(), &sfn.ListMapRunsInput{ExecutionArn: w.ExecutionARN("steered")})
	if err != nil || len(runs.MapRuns) == 0 {
		t.Fatalf("map runs: %+v, %v", runs, err)
	}
	failed := 0
	for _, run := range runs.MapRuns {
		children, err := console.ListExecutions(t.Context(), &sfn.ListExecutionsInput{MapRunArn: run.MapRunArn,
			StatusFilter: types.ExecutionStatusFailed})
		if err != nil {
			t.Fatal(err)
		}
		failed += len(children.Executions)
	}
	if failed != 1 {
		t.Errorf("the map runs show %d children that failed", failed)
	}
}

// upToTheCut leaves out what the replay does not read, which arrived while it was paused.
func upToTheCut(rows map[string]entities.View) map[string]entities.View {
	delete(rows, "meanwhile")
	return rows
}
