package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"reprise/pkg/api/past"
	"reprise/pkg/api/web"
	"reprise/pkg/cli/command"
)

// told is a history with a cause, a conflict, a parked event, and what a terminal might
// obey. Its hours are its logged times.
func told(entity string) string {
	var b strings.Builder
	for i, e := range []struct{ id, kind, extra, data string }{
		{"0", "account.opened", `"correlationid":"order-7","actor":"ann",`, `{"owner":"\u001b[2J\u009b31m\u202eAda"}`},
		{"1", "account.deposited", `"correlationid":"order-7","causationid":"0","actor":"b\u00a0ob",`, `{"amount":500}`},
		{"1", "account.deposited", ``, `{"amount":501}`},
		{"2", "account.renamed", ``, `{}`},
		{"3", "account.withdrawn", `"actor":"ann",`, `{"amount":900}`},
		{"4", "account.deposited", ``, `{"amount":9}`},
	} {
		fmt.Fprintf(&b, `{"specversion":"1.0","id":%q,"source":"/t","type":%q,"subject":%q,`+
			`"time":"2026-03-01T0%d:00:00.12%dZ",%s"data":%s}`+"\n", e.id, e.kind, entity, i, i, e.extra, e.data)
	}
	return b.String()
}

// unprintable reports whether a text holds what a terminal might obey.
func unprintable(text string) bool { return strings.ContainsAny(text, "\x1b\u009b\u202e") }

func TestAHistoryIsExplained(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(told("p"), "send", "-", "--keep-time", "--wait")
	lines := decodeLines[past.Explained](t, s.fine("", "events", "p", "--explain", "--json"))
	if len(lines) != 6 || lines[5].ParkedAt != lines[4].Position || lines[1].Causation != "0" {
		t.Fatalf("%+v", lines)
	}
	s.fine("", "parked", "skip", "p", "--event", string(lines[4].Position), "--reason", "a test", "--wait")
	table := s.fine("", "events", "p", "--explain")
	rest := strings.Join(strings.Fields(table), " ")
	for _, want := range []string{
		"WHAT, FOLDED BY accounts@1,repofiles@1",
		"1 2026-03-01T00:00:00.120Z", "account.opened applied the whole state: - → {",
		"correlation order-7, actor ann", "/balance: 0 → 500 caused by 0, correlation order-7, actor b",
		"account.deposited conflict no change", "account.renamed ignored no change",
		"account.withdrawn parked parks the entity: amount 900 cannot be withdrawn from 500 actor ann",
		"account.deposited waiting waits for the event at " + string(lines[4].Position),
		"reprise.event.skipped correction steps over the event at " + string(lines[4].Position) +
			"; 1 that waited applied /balance: 500 → 509",
	} {
		if !strings.Contains(rest, want) {
			t.Errorf("lacks %q:\n%s", want, table)
		}
	}
	if unprintable(table) {
		t.Errorf("a terminal might obey it: %q", table)
	}
	if got := s.run("", "events", "none", "--explain"); got.code != command.ExitFailed ||
		!strings.Contains(got.stderr, "no event of this entity") {
		t.Errorf("of none: %+v", got)
	}
}

func TestStatesOfThePastAreShown(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(told("p"), "send", "-", "--keep-time", "--wait")
	for at, want := range map[string]string{
		"2026-03-01T01:00:00.121Z": `"balance": 500`, "2026-03-01T01:00:00.1209999Z": `"balance": 0`,
		"2026-03-01T03:00:00+01:00": "outcome conflict", "2026-03-01T04:00:00.124Z": "parked at",
		"2199-01-01T00:00:00Z": "open the log has not passed that time",
	} {
		out := s.fine("", "state", "get", "p", "--at", at)
		if at == "2026-03-01T03:00:00+01:00" {
			want = "logged 2026-03-01T01:00:00.121Z" // an hour earlier in UTC
		}
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) || unprintable(out) {
			t.Errorf("at %s lacks %q: %q", at, want, out)
		}
	}
	for at, want := range map[string]string{
		"2020-01-01T00:00:00Z": "its first one is later", "never": "must be a position",
	} {
		got := s.run("", "state", "get", "p", "--at", at)
		if got.code != command.ExitFailed || !strings.Contains(got.stderr, want) {
			t.Errorf("at %s: %+v", at, got)
		}
	}
}

// The exit codes are those of diff.
func TestDiffExitsLikeDiff(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(told("p"), "send", "-", "--keep-time", "--wait")
	const one, two, last = "2026-03-01T01:30:00Z", "2026-03-01T02:30:00Z", "2026-03-01T05:30:00Z"
	for _, c := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{one, two}, 0, "differing 0 fields", ""},
		{[]string{one, two, "--json"}, 0, `"changed":0`, ""},
		{[]string{"2026-03-01T00:30:00Z", last}, 1, "FIELD OLD NEW /balance 0 500", ""},
		{[]string{"2026-03-01T00:30:00Z", last}, 1, "parked at", ""},
		{[]string{last, "2026-03-01T00:30:00Z"}, 1, "/balance 500 0", ""},
		{[]string{"2020-01-01T00:00:00Z", last}, 1, "before the first event", ""},
		{[]string{one, "2199-01-01T00:00:00Z"}, 0, "the log has not passed that time", ""},
		{[]string{"2020-01-01T00:00:00Z", last, "--json"}, 1, `"changes":[{"path":"","new":`, ""},
		{[]string{one, "never"}, 2, "", "must be a position"},
		{[]string{one, ""}, 2, "", "must be positions, or times"},
		{[]string{one}, 2, "", "missing argument T2"},
		{nil, 2, "", "missing argument T1"},
		{[]string{one, two, last}, 2, "", "extra argument"},
	} {
		got := s.run("", append([]string{"diff", "p"}, c.args...)...)
		out := strings.Join(strings.Fields(got.stdout), " ")
		if got.code != c.code || !strings.Contains(out, c.stdout) || !strings.Contains(got.stderr, c.stderr) ||
			(c.stderr == "" && got.stderr != "") || unprintable(got.stdout) && c.args[len(c.args)-1] != "--json" {
			t.Errorf("%v: %+v", c.args, got)
		}
	}
	if got := s.run("", "diff", "none", one, two); got.code != 2 ||
		!strings.Contains(got.stderr, "no event of this entity") {
		t.Errorf("of none: %+v", got)
	}
	s.endpoint = "http://127.0.0.1:1"
	if got := s.run("", "diff", "p", one, two); got.code != 2 || !strings.Contains(got.stderr, "hint: start a platform") {
		t.Errorf("without a platform: %+v", got)
	}
}

func TestEventsAreAudited(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(told("p-1")+told("p-2")+told("q"), "send", "-", "--keep-time", "--wait")
	const from = "--from=2026-03-01T00:00:00Z"
	lines := decodeLines[past.Audited](t, s.fine("", "audit", "--correlation", "order-7", from, "--json"))
	if len(lines) != 6 {
		t.Errorf("%+v", lines)
	}
	for _, c := range []struct {
		args string
		want int
	}{
		{"--actor ann", 6}, {"--actor ann --entity-prefix p-", 4}, {"--actor ann --to 2026-03-01T04:00:00.124Z", 3},
		{"--actor ann --to 2026-03-01T04:00:00.125Z", 6}, {"--actor ann --type account.opened", 3}, {"--actor nobody", 0},
	} {
		table := s.fine("", append([]string{"audit", from}, strings.Fields(c.args)...)...)
		if rows := max(strings.Count(table, "\n")-1, 0); rows != c.want || c.want > 0 && !strings.HasPrefix(table, "LOGGED") {
			t.Errorf("%s: %d rows, want %d:\n%s", c.args, rows, c.want, table)
		}
	}
	for args, want := range map[string]string{
		from: "give one of --correlation and --actor", "--actor ann": "--from must be a time",
		from + " --actor a --correlation b": "give one of",
	} {
		if got := s.run("", append([]string{"audit"}, strings.Fields(args)...)...); got.code != command.ExitMisuse ||
			!strings.Contains(got.stderr, want) {
			t.Errorf("%s: %+v", args, got)
		}
	}
	for _, bad := range []string{"--to=x", "--after=x", "--type=\x07", "--entity-prefix=\x1b[2J"} {
		got := s.run("", "audit", from, "--actor=ann", bad)
		if got.code != command.ExitFailed || !strings.Contains(got.stderr, "parameter ") || unprintable(got.stderr) {
			t.Errorf("%s: %+v", bad, got)
		}
	}
}

// An audit that ends early has printed what it has found, and says how to go on.
func TestAnInterruptedAuditSaysHowToGoOn(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("after") == "" {
			_, _ = w.Write([]byte(`{"events":[{"entity":"\u001b[2J","actor":"ann"}],` +
				`"lanes":8,"done":3,"read":9,"next":"3.there"}`))
			return
		}
		web.NewProblem(http.StatusBadRequest, "invalid-parameter", "no more").Write(w)
	}))
	defer server.Close()
	s := &shell{t: t, endpoint: server.URL}
	got := s.run("", "audit", "--actor=ann", "--from=2026-03-01T00:00:00Z")
	if got.code != command.ExitFailed || strings.Count(got.stdout, "\n") != 2 || unprintable(got.stdout) ||
		!strings.Contains(got.stderr, "no more") || !strings.Contains(got.stderr, "--after 3.there") ||
		!strings.Contains(got.stderr, "auditing:  38%, 1 of 9 events") {
		t.Errorf("%+v", got)
	}
}
