package cli

import (
	"strings"
	"testing"

	"reprise/pkg/api/entities"
	"reprise/pkg/api/past"
	"reprise/pkg/cli/command"
)

// Somebody looks what would follow, reverses an event, brings it back, and rebuilds.
func TestAnEventIsReversed(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	const change = `{"specversion":"1.0","id":"1","source":"/t","type":"file.changed","subject":"f",` +
		`"data":{"added":3,"deleted":0,"lines":3}}` + "\n"
	s.fine(account("a", 3)+change+strings.Replace(change, `"id":"1"`, `"id":"2"`, 1), "send", "-", "--wait")
	before := s.fine("", "state", "export")
	deposit := []string{"reverse", "a", "--source", "/t", "--id", "2", "--reason", "a <test>", "--who", "ann"}
	dry := s.fine("", append(deposit, "--dry-run")...)
	for _, want := range []string{"account.deposited at ", "nothing: this is a dry run", "accounts@1", "1 field",
		"/balance",
		`account.withdrawn {"amount":1}, which leads to the state without`, `"balance":3}, 4 events`,
		`"balance":2}, 5 events`} {
		if !strings.Contains(dry, want) {
			t.Errorf("the dry run lacks %q:\n%s", want, dry)
		}
	}
	if after := s.fine("", "state", "export"); after != before {
		t.Errorf("a dry run has changed\n%s to\n%s", before, after)
	}
	if done := s.fine("", append(deposit, "--wait", "--json")...); decode[entities.View](t, done).Count != 5 {
		t.Error(done)
	}
	again := s.run("", deposit...)
	if again.code != command.ExitFailed || !strings.Contains(again.stderr, "the event is reversed at ") ||
		!strings.Contains(again.stderr, "--explain") {
		t.Errorf("reversed once more: %+v", again)
	}
	s.fine("", "reverse", "f", "--source", "/t", "--id", "1", "--reason", "r", "--wait")
	ofFile := decodeLines[past.Explained](t, s.fine("", "events", "f", "--explain", "--json"))
	explained := s.fine("", "events", "f", "--explain")
	if !strings.Contains(explained, "reverses the event at "+string(ofFile[0].Position)+" by folding without it") ||
		!strings.Contains(explained, "/lines: 6 → 3") || ofFile[2].Reverses != ofFile[0].Position {
		t.Error(explained)
	}
	last := decodeLines[past.Explained](t, s.fine("", "events", "a", "--explain", "--json"))[4]
	if last.Inverse != "account.withdrawn" || last.Actor != "ann" || last.Causation != "2" || last.Applied != 1 {
		t.Errorf("%+v", last)
	}
	s.fine("", "reverse", "f", "--event", string(ofFile[2].Position), "--reason", "it was right", "--wait")
	if f := s.fine("", "state", "get", "f"); !strings.Contains(f, `"lines": 6`) {
		t.Error(f)
	}
	live := s.fine("", "state", "export")
	s.fine("", "replay", "start", "--rebuild", "--promote", "--wait")
	if rebuilt := s.fine("", "state", "export"); rebuilt != live {
		t.Errorf("rebuilt\n%s, live\n%s", rebuilt, live)
	}
	s.fine("", "verify", "start", "--full", "--wait")
}

func TestReversalsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(account("a", 1), "send", "-", "--wait")
	for _, args := range [][]string{
		{"--reason", "r"}, {"--event", "x", "--reason", "r"}, {"--source", "/t", "--reason", "r"},
		{"--event", "0001-011-0000", "--id", "1", "--reason", "r"}, {"--source", "/t", "--id", "1"},
		{"--source", "/t", "--id", "1", "--reason", "r", "--timeout", "0s"},
	} {
		if got := s.run("", append([]string{"reverse", "a"}, args...)...); got.code != command.ExitMisuse {
			t.Errorf("%v: %+v", args, got)
		}
	}
	for id, want := range map[string]string{"0": "a later event depends on it", "9": "no such event"} {
		got := s.run("", "reverse", "a", "--source", "/t", "--id", id, "--reason", "r")
		if got.code != command.ExitFailed || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: %+v", id, got)
		}
	}
}
