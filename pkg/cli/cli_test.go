package cli

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/pkg/api/entities"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/entity"
	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

func TestStateIsLostAndComesBack(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	file := writeFile(t, "events.jsonl", account("a", 3)+"\n"+account("b#1", 0)+account("a", 1))
	result := decode[sent](t, s.fine("", "send", file, "--wait"))
	if result.Accepted != 7 || result.Lines != 7 || !result.Applied || result.Seconds <= 0 {
		t.Errorf("send: %+v", result)
	}
	before := s.fine("", "state", "export")
	rows := decodeLines[map[string]json.RawMessage](t, before)
	if len(rows) != 2 || len(rows[0]) != 4 || string(rows[0]["entity"]) != `"a"` || string(rows[0]["count"]) != "4" {
		t.Errorf("export: %s", before)
	}
	history := decodeLines[entities.HistoryEvent](t, s.fine("", "events", "a"))
	var duplicates []bool
	for _, e := range history {
		duplicates = append(duplicates, e.Duplicate)
	}
	if !slices.Equal(duplicates, []bool{false, false, false, false, true, true}) {
		t.Errorf("events: duplicates are %v", duplicates)
	}
	if out := s.fine("", "events", "a"); !strings.Contains(out, `"owner":"<o>"`) {
		t.Errorf("events: bytes were changed: %s", out)
	}

	if got := s.run("", "state", "wipe"); got.code != command.ExitMisuse || !strings.Contains(got.stderr, "--yes") {
		t.Errorf("wipe without --yes: %+v", got)
	}
	s.fine("", "state", "wipe", "--yes")
	for _, args := range [][]string{{"state", "get", "a"}, {"state", "export"}} {
		if got := s.run("", args...); got.code != command.ExitFailed ||
			!strings.Contains(got.stderr, "replay start --rebuild --promote") {
			t.Errorf("%v after the wipe: %+v", args, got)
		}
	}
	if got := s.run(account("c", 0), "send", "-", "--wait"); got.code != command.ExitFailed ||
		!strings.Contains(got.stderr, "is lost") || !strings.Contains(got.stdout, `"accepted":1`) {
		t.Errorf("send to a lost generation: %+v", got)
	}

	out := s.fine("", "replay", "start", "--rebuild", "--promote", "--wait", "--name", "r1", "--json")
	view := decode[lifecycle.View](t, out)
	if view.ID != "r1" || view.Status != replay.Succeeded || view.Progress.Total != 8 || view.Progress.Applied != 6 ||
		view.Progress.Duplicates != 2 || !view.Proof.Complete {
		t.Errorf("rebuild: %s", out)
	}
	after := s.fine("", "state", "export", "--generation", view.Generation)
	if strings.Join(slices.DeleteFunc(strings.SplitAfter(after, "\n"), func(l string) bool {
		return strings.HasPrefix(l, `{"entity":"c"`)
	}), "") != before {
		t.Errorf("the rebuilt state is\n%s, it was\n%s", after, before)
	}
}

func TestCommandsPrintTables(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(account("a", 2)+strings.Replace(account("p", 1), "account.opened", "account.withdrawn", 1),
		"send", "-", "--wait")
	s.fine(
		"", "replay", "start", "--type", "account.opened", "--entity=a", "--name", "part", "--wait",
		"--from", "2020-01-01",
	)
	for _, c := range []struct {
		args string
		want []string
	}{
		{"state get a", []string{"entity a", "3 applied, 0 duplicates", `"balance": 2`, "the live path", "generation g0001"}},
		{"state get p", []string{"parked", "the account is not open"}},
		{"replay list", []string{"ID STATUS", "part SUCCEEDED", "part of the log"}},
		{
			"replay get part",
			[]string{
				"status SUCCEEDED", "types account.opened, entities a",
				"complete: 3 read, 1 selected, 1 taken in", "1 delivered",
			},
		},
		{"replay watch part", []string{"status SUCCEEDED"}},
		{"status", []string{"5 events", "8 lanes", "CONSUMER", "pump", "write#g0001", "g0001 active", "parked 1 entities"}},
	} {
		out := s.fine("", strings.Fields(c.args)...)
		for _, want := range c.want {
			if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
				t.Errorf("reprise %s lacks %q:\n%s", c.args, want, out)
			}
		}
		one := s.fine("", append(strings.Fields(c.args), "--json")...)
		if !json.Valid([]byte(one)) || strings.Count(one, "\n") != 1 {
			t.Errorf("reprise %s --json is no line of JSON: %s", c.args, one)
		}
	}
}

func TestReplaysAreStartedAndCancelled(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(account("a", 2), "send", "-", "--wait")
	started := s.run("", "replay", "start")
	if started.code != command.ExitFine || !strings.Contains(started.stderr, "reprise replay watch 2") {
		t.Fatalf("start: %+v", started)
	}
	id := strings.Fields(started.stdout)[1]
	s.fine("", "replay", "watch", id)
	if got := s.run("", "replay", "cancel", id); got.code != command.ExitFailed ||
		!strings.Contains(got.stderr, "has ended") {
		t.Errorf("cancel after the end: %+v", got)
	}
	s.fine("", "replay", "start", "--name", "x")
	if got := s.run("", "replay", "start", "--name", "x", "--rebuild"); got.code != command.ExitFailed ||
		!strings.Contains(got.stderr, "another") {
		t.Errorf("the same name again: %+v", got)
	}
	s.fine("", "replay", "start", "--name", "x", "--wait")
}

// A rate that is set holds for the rest of the replay, and the progress adds up.
func TestARateIsSetAndTheProgressIsShown(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(account("a", 99), "send", "-", "--wait")
	s.fine("", "replay", "start", "--name", "slow", "--rebuild", "--rate", "1")
	if got := s.run("", "replay", "set-rate", "slow", "many"); got.code != command.ExitMisuse {
		t.Errorf("%+v", got)
	}
	if got := s.run("", "replay", "set-rate", "nobody", "5"); got.code != command.ExitFailed {
		t.Errorf("%+v", got)
	}
	if out := s.fine("", "replay", "set-rate", "slow", "7"); out != "replay slow: at most 7/s\n" {
		t.Errorf("%q", out)
	}
	if out := s.fine("", "replay", "progress", "slow"); !strings.Contains(out, "; at most 7/s\n") {
		t.Errorf("%s", out)
	}
	if out := s.fine("", "replay", "set-rate", "slow", "0"); out != "replay slow: no limit\n" {
		t.Errorf("%q", out)
	}
	s.fine("", "replay", "watch", "slow")
	detail := decode[lifecycle.Detail](t, s.fine("", "replay", "progress", "slow", "--json"))
	var consumed, applied int64
	for _, g := range detail.Groups {
		consumed, applied = consumed+g.Consumed, applied+g.Applied
	}
	if detail.Consumed != 100 || consumed != 100 || applied != 100 || *detail.Percent != 100 || detail.ETA != nil {
		t.Errorf("%+v", detail)
	}
	if got := s.run("", "replay", "set-rate", "slow", "5"); !strings.Contains(got.stderr, "has ended") {
		t.Errorf("%+v", got)
	}
}

func TestExportIsSortedAndComplete(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	random := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("#/%$&?+ .:\\\"'é😀漢~aAbB09_-")
	want := map[string]bool{}
	var text strings.Builder
	for len(want) < 400 {
		id := make([]rune, 1+random.IntN(6))
		for i := range id {
			id[i] = alphabet[random.IntN(len(alphabet))]
		}
		if !want[string(id)] {
			want[string(id)] = true
			text.WriteString(account(string(id), random.IntN(2)))
		}
	}
	s.fine(text.String(), "send", "-", "--wait")
	last := ""
	rows := decodeLines[entity.ExportedRow](t, s.fine("", "state", "export"))
	for _, r := range rows {
		key := event.EscapeEntity(r.Entity)
		if key <= last || !want[r.Entity] {
			t.Errorf("%q comes behind %q, or was never sent", key, last)
		}
		last = key
		view := decode[entities.View](t, s.fine("", "state", "get", "--json", "--", r.Entity))
		if view.Position != r.Position {
			t.Errorf("state get %q: %+v", r.Entity, view)
		}
	}
	if len(rows) != len(want) {
		t.Errorf("%d of %d entities are exported", len(rows), len(want))
	}
}

func TestWatchOutlivesARestart(t *testing.T) {
	t.Parallel()
	views := []string{
		`{"id":"r","status":"RUNNING","phase":"PLANNED"}`, "", "", "",
		`{"id":"r","status":"RUNNING","phase":"RUNNING","progress":{"total":100,"read":50,"delivered":50,"consumed":50}}`, "",
		`{"id":"r","status":"SUCCEEDED","phase":"SUCCEEDED",` +
			`"progress":{"total":100,"read":100,"delivered":100,"consumed":100}}`,
	}
	var mu sync.Mutex // the connection that was broken may end while the next one is open
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/progress") {
			_, _ = w.Write([]byte(`{"id":"r"}`))
			return
		}
		mu.Lock()
		defer mu.Unlock()
		view := views[0]
		views = views[1:]
		if view == "" {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte(view))
	}))
	defer server.Close()
	s := &shell{t: t, endpoint: server.URL, change: func(a *command.App) {
		a.Sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	}}
	got := s.run("", "replay", "watch", "r")
	mu.Lock()
	defer mu.Unlock()
	if got.code != command.ExitFine || len(views) != 0 || !strings.Contains(got.stderr, "trying again") ||
		!strings.Contains(got.stderr, "replaying:  50%, read 50 of 100") {
		t.Errorf("%+v", got)
	}
}

func TestFailedReplaysFail(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"id":"r","status":"FAILED","failure":{"error":"Reprise.Stalled","cause":"nobody consumes"}}`: "nobody consumes",
		`{"id":"r","status":"FAILED"}`:    "is FAILED",
		`{"id":"r","status":"CANCELLED"}`: "was cancelled",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(body))
		}))
		s := &shell{t: t, endpoint: server.URL}
		for _, args := range [][]string{{"replay", "watch", "r"}, {"replay", "start", "--wait", "--name", "r"}} {
			got := s.run("", args...)
			if got.code != command.ExitFailed || !strings.Contains(got.stderr, want) || !strings.Contains(got.stderr, "hint: ") {
				t.Errorf("%v of %s: %+v", args, body, got)
			}
		}
		server.Close()
	}
}

func TestInterruptedWatchSaysHowToGoOn(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		_, _ = w.Write([]byte(`{"id":"r","status":"RUNNING"}`))
	}))
	defer server.Close()
	s := &shell{t: t, endpoint: server.URL}
	got := s.runUntil(ctx, "", "replay", "watch", "r")
	if got.code != command.ExitFailed || !strings.Contains(got.stderr, "the replay goes on") ||
		!strings.Contains(got.stderr, "interrupted") {
		t.Errorf("%+v", got)
	}
}
