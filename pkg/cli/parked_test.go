package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"reprise/pkg/api/entities"
	"reprise/pkg/cli/command"
)

// unopened are deposits to an account that was never opened: the first one parks it.
func unopened(entity string, n int) string {
	_, rest, _ := strings.Cut(account(entity, n), "\n")
	return rest
}

func TestParkedEntitiesAreShownEverywhere(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	sending := s.run(account("a", 1)+unopened("p\u00e9", 3), "send", "-", "--wait")
	result := decode[sent](t, sending.stdout)
	if sending.code != 0 || result.Applied || result.Parked != 1 || len(result.Named) != 1 ||
		result.Named[0] != "p\u00e9" ||
		!strings.Contains(sending.stderr, "warning: 1 entities are parked") {
		t.Errorf("send: %+v", sending)
	}
	// What is parked for another reason than the events sent is not reported.
	again := decode[sent](t, s.fine(account("b", 1), "send", "-", "--wait"))
	if !again.Applied || again.Parked != 0 {
		t.Errorf("send of other events: %+v", again)
	}
	list := decodeLines[entities.ParkedEntity](t, s.fine("", "parked", "list", "--json"))
	if len(list) != 1 || list[0].Entity != "p\u00e9" || list[0].Waiting != 2 ||
		list[0].Reason != "the account is not open" {
		t.Errorf("list: %+v", list)
	}
	if table := s.fine("", "parked", "list", "--reason", "not open"); !strings.Contains(table, "ENTITY") ||
		!strings.Contains(table, "the account is not open") {
		t.Errorf("list: %s", table)
	}
	if none := s.fine("", "parked", "list", "--reason", "nothing like it", "--json"); none != "" {
		t.Errorf("list with another reason: %s", none)
	}
	export := s.run("", "state", "export")
	rows := decodeLines[map[string]json.RawMessage](t, export.stdout)
	if len(rows) != 3 || rows[0]["parked"] != nil ||
		!strings.Contains(string(rows[2]["parked"]), "the account is not open") ||
		!strings.Contains(export.stderr, "1 entities are parked") {
		t.Errorf("export: %+v", export)
	}
	status := s.run("", "status")
	if !strings.Contains(status.stderr, "reprise parked list") {
		t.Errorf("status: %+v", status)
	}
}

func TestParkedEventIsSkipped(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(unopened("p", 1)+account("p", 0)+unopened("p", 3), "send", "-", "--wait")
	list := decodeLines[entities.ParkedEntity](t, s.fine("", "parked", "list", "--json"))
	if len(list) != 1 {
		t.Fatalf("list: %+v", list)
	}
	at := string(list[0].Position)
	skipped := s.run("", "parked", "skip", "p", "--event", at, "--reason", "it came first", "--wait")
	for _, want := range []string{"1 duplicates", "1 events skipped by 1 corrections", `"balance": 2`} {
		if !strings.Contains(skipped.stdout, want) {
			t.Errorf("skip lacks %q: %+v", want, skipped)
		}
	}
	if again := s.run("", "parked", "skip", "p", "--event", at, "--reason", "r"); again.code != command.ExitFailed ||
		!strings.Contains(again.stderr, "not parked") {
		t.Errorf("skip once more: %+v", again)
	}
	if none := s.fine("", "parked", "list", "--json"); none != "" {
		t.Errorf("list: %s", none)
	}
	for _, args := range [][]string{
		{"--event", at}, {"--reason", "r"}, {"--event", "x", "--reason", "r"},
		{"--event", at, "--reason", "r", "--timeout", "0s"},
	} {
		if got := s.run("", append([]string{"parked", "skip", "p"}, args...)...); got.code != command.ExitMisuse {
			t.Errorf("skip %v: %+v", args, got)
		}
	}
	before := s.fine("", "state", "export")
	s.fine("", "replay", "start", "--rebuild", "--promote", "--wait")
	if after := s.fine("", "state", "export"); after != before {
		t.Errorf("rebuilt\n%s, live\n%s", after, before)
	}
}

// A mistyped type is in the log and changes no state: whoever sends it is told.
func TestIgnoredTypesAreShownEverywhere(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(strings.ReplaceAll(account("old", 1), "account.deposited", "account.earlier"), "send", "-", "--wait")
	sending := s.run(strings.ReplaceAll(account("a", 3), "account.deposited", "account.deposted"), "send", "-", "--wait")
	result := decode[sent](t, sending.stdout)
	if !result.Applied || result.Ignored == nil || result.Ignored.Total() != 3 ||
		result.Ignored.Types[0].Type != "account.deposted" ||
		!strings.Contains(sending.stderr, "warning: 3 events of types that no projection handles: account.deposted 3") {
		t.Errorf("send: %+v", sending)
	}
	const all = "4 events of types that no projection handles: account.deposted 3, account.earlier 1"
	if status := s.fine("", "status"); !strings.Contains(status, all) {
		t.Errorf("status: %s", status)
	}
	s.fine("", "replay", "start", "--rebuild", "--promote", "--wait", "--name", "r")
	if got := s.fine("", "replay", "get", "r"); !strings.Contains(got, all) {
		t.Errorf("replay: %s", got)
	}
	if status := s.fine("", "status"); !strings.Contains(status, all) || !strings.Contains(status, "g0002") {
		t.Errorf("status after the rebuild: %s", status)
	}
}
