package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/api/web"
	"reprise/pkg/cli/command"
	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// answering returns a shell whose server gives the answers in order, then repeats the
// last, and whose clock stands still.
func answering(t *testing.T, now time.Time, status int, answers ...any) *shell {
	t.Helper()
	next := make(chan any, len(answers))
	for _, a := range answers {
		next <- a
	}
	last := answers[len(answers)-1]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer := last
		select {
		case answer = <-next:
		default:
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return &shell{t: t, endpoint: server.URL, change: func(a *command.App) {
		a.Now = func() time.Time { return now }
		a.Sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	}}
}

var seenAt = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

// quietReplay is a replay without progress for twelve minutes.
func quietReplay() lifecycle.View {
	return lifecycle.View{ID: "r1", Status: replay.Running, Phase: replay.Running, Damaged: 2,
		Created: seenAt.Add(-time.Hour),
		Input:   replay.Request{Rebuild: true, Promote: true}, Generation: "g0002",
		Progress: lifecycle.Progress{Total: 100, Read: 100, Delivered: 100, Consumed: 40},
		Waiting:  &replay.WaitingFor{For: "the playback consumer", Since: seenAt.Add(-12*time.Minute - 5*time.Second)}}
}

func TestAReplayThatWaitsSaysForWhom(t *testing.T) {
	t.Parallel()
	const since = "for the playback consumer; nothing has moved since 2026-03-01 09:17:55Z, 12m05s ago"
	s := answering(t, seenAt, http.StatusOK, quietReplay())
	out := s.fine("", "replay", "get", "r1")
	for _, want := range []string{"status      RUNNING (waiting)\n", "waiting     " + since + "\n",
		"damaged     2 records dropped because they could not be read; their events are read from the log again\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("replay get lacks %q:\n%s", want, out)
		}
	}
	got := decode[lifecycle.View](t, s.fine("", "replay", "get", "r1", "--json"))
	if got.Waiting == nil || got.Waiting.For != "the playback consumer" || got.Damaged != 2 {
		t.Errorf("replay get --json: %+v", got)
	}
	ended := quietReplay()
	ended.Status, ended.Phase, ended.Waiting, ended.Damaged = replay.Succeeded, replay.Succeeded, nil, 1
	watched := answering(t, seenAt, http.StatusOK, quietReplay(), ended).run("", "replay", "watch", "r1")
	if watched.code != command.ExitFine ||
		!strings.HasPrefix(watched.stderr, "waiting:  70%, "+since+", read 100 of 100, ") ||
		!strings.Contains(watched.stderr, ", 2 damaged records dropped\n") ||
		!strings.Contains(watched.stdout, "1 record dropped because it could not be read") ||
		strings.Contains(watched.stdout, "nothing has moved") {
		t.Errorf("replay watch: %+v", watched)
	}
}

// TestAFailureSaysWhatToDo names every fault that ends a replay.
func TestAFailureSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]string{
		"Reprise.OtherVersion":   "with the current ones: reprise replay start --rebuild --promote --wait",
		"Reprise.GenerationLost": "rebuild from it again: reprise replay start --rebuild --promote --wait",
		"Reprise.HeadLost":       "restore the control table to the time of the Events table",
		"Reprise.ExecutionGone":  "start the replay again under another name: reprise replay start --rebuild",
		"Reprise.Stalled":        "reprise status shows how far the playback consumer is behind",
		"Reprise.CutTooOld":      "a larger --parallelism",
		"Reprise.Parked": "generation g0002 is kept for inspection, and the active one is unchanged; " +
			"fix the projection",
		"Reprise.InvalidInput": "correct the input",
		"Reprise.Incomplete":   "reprise replay get r1 --json | jq .proof.differences shows what differs",
		"States.Timeout":       "none of its results are active; start the replay again under another name",
	} {
		view := quietReplay()
		view.Status, view.Phase, view.Waiting = replay.Failed, replay.Failed, nil
		view.Failure = &replay.Failure{Error: fault, Cause: "the cause"}
		if fault == "Reprise.Incomplete" {
			view.Proof = &replay.Proof{Differences: []replay.Difference{{Lane: 3, What: "bytes consumed", Want: 7, Have: 8}}}
		}
		s := answering(t, seenAt, http.StatusOK, view)
		out := s.fine("", "replay", "get", "r1")
		if !strings.Contains(out, "failure     "+fault+": the cause\n") || !strings.Contains(out, want) {
			t.Errorf("replay get of %s lacks %q:\n%s", fault, want, out)
		}
		for _, args := range [][]string{{"replay", "watch", "r1"}, {"replay", "start", "--rebuild", "--promote", "--wait"}} {
			got := s.run("", args...)
			if got.code != command.ExitFailed ||
				!strings.Contains(got.stderr, "replay r1 failed: "+fault+": the cause\nhint: ") ||
				!strings.Contains(got.stderr, want) {
				t.Errorf("%v with %s: %+v", args, fault, got)
			}
		}
		if got := s.run("", "replay", "watch", "r1", "--json"); got.code != command.ExitFailed ||
			decode[lifecycle.View](t, got.stdout).Failure.Error != fault {
			t.Errorf("watch --json with %s: %+v", fault, got)
		}
	}
}

// Nothing promises differences that the proof does not have.
func TestDifferencesAreNotPromisedWithoutAny(t *testing.T) {
	t.Parallel()
	for _, proof := range []*replay.Proof{nil, {}, {Complete: true}} {
		for _, fault := range []string{"Reprise.Incomplete", "Reprise.Parked", "States.Timeout"} {
			view := quietReplay()
			view.Status, view.Phase, view.Waiting, view.Proof = replay.Failed, replay.Failed, nil, proof
			view.Failure = &replay.Failure{Error: fault, Cause: "the cause"}
			got := answering(t, seenAt, http.StatusOK, view).run("", "replay", "watch", "r1")
			if strings.Contains(got.stderr, "differences") || !strings.Contains(got.stderr, "hint: ") {
				t.Errorf("%s with %+v: %s", fault, proof, got.stderr)
			}
		}
	}
}

func TestADifferenceIsNamed(t *testing.T) {
	t.Parallel()
	view := quietReplay()
	view.Status, view.Phase, view.Waiting = replay.Failed, replay.Failed, nil
	view.Proof = &replay.Proof{Differences: []replay.Difference{
		{Lane: 3, What: "events read of the log", Want: 1200, Have: 1199},
		{Lane: 4, What: "bytes consumed", Want: 7, Have: 8},
		{Lane: 5, What: "x"}, {Lane: 6, What: "y"}, {Lane: 7, What: "z"}}}
	s := answering(t, seenAt, http.StatusOK, view)
	const want = "proof       NOT complete: lane 3, events read of the log: want 1,200, have 1,199; " +
		"lane 4, bytes consumed: want 7, have 8; lane 5, x: want 0, have 0; 2 more, see --json\n"
	if out := s.fine("", "replay", "get", "r1"); !strings.Contains(out, want) {
		t.Errorf("replay get lacks %q:\n%s", want, out)
	}
}

func TestAPromotedReplayIsNotCancelled(t *testing.T) {
	t.Parallel()
	s := answering(t, seenAt, http.StatusConflict, web.Problem{
		Title:  "Conflict",
		Type:   "urn:reprise:problem:replay-promoted",
		Status: http.StatusConflict,
		Detail: "the replay has made its generation active",
	})
	got := s.run("", "replay", "cancel", "r1")
	if got.code != command.ExitFailed || got.stdout != "" ||
		!strings.Contains(got.stderr, "has made its generation active") ||
		!strings.Contains(got.stderr, "hint: nothing was cancelled; reprise replay start --rebuild --promote") {
		t.Errorf("have %+v", got)
	}
}

func TestStatusShowsWhatIsLost(t *testing.T) {
	t.Parallel()
	at := seenAt.Add(-time.Minute)
	s := answering(t, seenAt, http.StatusOK, api.StatusView{
		Active: "g0001", Generations: []api.GenerationView{
			{Lost: true, Info: datastore.Info{ID: "g0001", Status: datastore.Active, Version: "a@1",
				Loss: &datastore.Loss{Lane: 3, Count: 1200, At: at, Why: "events never came"}}},
			{Lost: true, Info: datastore.Info{ID: "g0002", Status: datastore.Following, Version: "a@1",
				Loss: &datastore.Loss{At: at, Why: "it was emptied on request"}}},
			{Lost: true, Info: datastore.Info{ID: "g0003", Status: datastore.Following, Version: "a@1"}},
			{Info: datastore.Info{ID: "g0004", Status: datastore.Following, Version: "a@1", Replay: "r0", Withdrawn: "FAILED"}},
			{Info: datastore.Info{ID: "g0005", Status: datastore.Building, Version: "a@2", Replay: "r1"}},
		},
		Replays: []lifecycle.View{quietReplay()},
	})
	got := s.run("", "status")
	shown := strings.Join(strings.Fields(got.stdout), " ")
	for _, want := range []string{
		"GENERATION STATUS VERSION BUILT BY REMARK",
		"g0001 active, LOST a@1 the live path lost at 2026-03-01 09:29:00Z: " +
			"it lacks 1,200 events of lane 3 (events never came) g0002",
		"g0002 following, LOST a@1 the live path lost at 2026-03-01 09:29:00Z: it was emptied on request g0003",
		"g0003 following, LOST a@1 the live path lost: its marks are gone g0004",
		"g0004 following a@1 replay r0 cannot become active: its replay ended as FAILED g0005",
		"g0005 building a@2 replay r1 - ",
		"replay r1 waiting 70%, for the playback consumer; nothing has moved since 2026-03-01 09:17:55Z, 12m05s ago",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("status lacks %q:\n%s", want, got.stdout)
		}
	}
	if got.code != command.ExitFine ||
		!strings.Contains(got.stderr, "hint: the active generation is lost; reprise replay start") {
		t.Errorf("have %+v", got)
	}
	view := decode[api.StatusView](t, s.fine("", "status", "--json"))
	if view.Generations[0].Loss == nil || view.Generations[0].Loss.Count != 1200 || view.Replays[0].Waiting == nil {
		t.Errorf("status --json: %+v", view)
	}
}
