package client

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"reprise/integration/datasets"
	"reprise/integration/deployed"
	"reprise/integration/engines"
	"reprise/pkg/aws/controldynamo"
	"reprise/pkg/control"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// A rebuild is paused for so long that its cut becomes outdated, while events arrive. As it
// is deployed, with the permissions of its functions, it moves the cut, reads what came
// since, and becomes active. Nobody waits for days: the cut is made older where it is
// stored.
func TestADeployedRebuildMovesAnOutdatedCut(t *testing.T) {
	t.Parallel()
	w := deployed.New(t)
	sent := 0
	send := func(n int) {
		var batch []json.RawMessage
		for range n {
			batch = append(batch, json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/t",`+
				`"type":"account.opened","subject":"account-%d","data":{"owner":"Ada"}}`, sent, sent)))
			sent++
		}
		w.Send("/events", batch)
		w.Settle(int64(sent))
	}
	send(120)
	post := func(path, body string) {
		t.Helper()
		if status, answer := w.Call(http.MethodPost, path, "application/json", []byte(body)); status/100 != 2 {
			t.Fatalf("POST %s: %d %s", path, status, answer)
		}
	}
	post("/replays", `{"name":"late","input":{"rebuild":true,"promote":true,"parallelism":1,"rate":20}}`)
	shows := func(check func(lifecycle.View) bool) lifecycle.View {
		return localtest.Until(w, "/replays/late", check)
	}
	shows(func(v lifecycle.View) bool { return v.Progress.Delivered > 0 })
	post("/replays/late/pause", `{}`)
	shows(func(v lifecycle.View) bool { return v.Status == replay.ShownPaused })
	table := controldynamo.New(w.DynamoDB(), controldynamo.Options{Table: "reprise-control",
		Random: rand.Reader, Pace: engines.Pace()})
	_, err := control.Update(t.Context(), table, replay.RowKey("late"), func(row *replay.Row, _ bool) error {
		older := row.Cut.Add(-100 * time.Hour) // the event stream keeps 168
		row.Cut = &older
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	send(30)
	post("/replays/late/rate", `{"rate":0}`)
	post("/replays/late/resume", `{}`)
	end := shows(func(v lifecycle.View) bool { return v.Status.Ended() })
	if end.Status != replay.Succeeded || !end.Promoted || end.Plan.CatchUps != 1 ||
		end.Progress.Applied != int64(sent) || end.Progress.Total != int64(sent) {
		t.Fatalf("%s, %+v, %+v, %+v", end.Status, end.Failure, end.Plan, end.Progress)
	}
	rebuilt, live := w.Rows(end.Generation, deployed.Lanes), w.Rows("g0001", deployed.Lanes)
	datasets.Same(t, "caught up", upToTheCut(rebuilt), upToTheCut(live))
}
