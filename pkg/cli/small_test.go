package cli

import (
	"strings"
	"testing"
	"time"

	"reprise/pkg/cli/command"
	"reprise/pkg/replay/lifecycle"
)

func TestReplayThatSelectsNothingSaysSo(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine("", "replay", "start", "--name", "empty", "--rebuild", "--wait") // of an empty log, without a filter
	s.fine(account("a", 3), "send", "-", "--wait")
	for name, filter := range map[string]string{"nobody": "--entity=nobody", "typo": "--type=account.openned",
		"past": "--to=2020-01-01"} {
		for _, args := range [][]string{{"replay", "start", "--name", name, filter, "--wait"}, {"replay", "watch", name}} {
			got := s.run("", args...)
			want := "nothing matched: replay " + name + " succeeded, but selected no event\n" +
				"hint: check --entity, --prefix, --type, --attribute, --from and --to: " +
				"ids and types are case-sensitive, times are logged times\n"
			if got.code != command.ExitNothing || !strings.HasSuffix(got.stderr, want) ||
				!strings.Contains(got.stdout, "SUCCEEDED") {
				t.Errorf("%v: %+v", args, got)
			}
		}
	}
	s.fine("", "replay", "start", "--name", "some", "--entity=a", "--wait")
}

func TestListShowsFiltersAndZones(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine("", "replay", "start", "--name", "part", "--type", "account.opened", "--entity", "a", "--from", "2026-03-01")
	want := "part of the log, from 2026-03-01 00:00:00Z, types account.opened, entities a\n"
	if out := s.fine("", "replay", "list"); !strings.Contains(out, want) {
		t.Errorf("%s", out)
	}
	at := time.Date(2026, 3, 1, 1, 30, 0, 0, time.FixedZone("CET", 3600))
	if got := command.When(&at); got != "2026-03-01 00:30:00Z" {
		t.Errorf("a time is shown as %s", got)
	}
}

func TestMistypedNamesAreGuessed(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine("", "replay", "start", "--name", "nightly-2026", "--wait")
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"sned x", command.ExitMisuse, `no command "sned"; did you mean reprise send?`},
		{"replay stort", command.ExitMisuse, `no command "replay stort"; did you mean reprise replay start?`},
		{"replya list", command.ExitMisuse, `no command "replya"; did you mean reprise replay?`},
		{"help stauts", command.ExitMisuse, `no command "stauts"; did you mean reprise status?`},
		{"replay start --promot", command.ExitMisuse, "not defined: -promot; did you mean --promote?"},
		{"status --end-point x", command.ExitMisuse, "not defined: -end-point; did you mean --endpoint?"},
		{"replay get nightly-2025", command.ExitFailed, "hint: did you mean nightly-2026? reprise replay list"},
		{"replay watch nihgtly-2026", command.ExitFailed, "hint: did you mean nightly-2026?"},
		{"replay cancel nightly_2026", command.ExitFailed, "hint: did you mean nightly-2026?"},
	} {
		if got := s.run("", strings.Fields(c.args)...); got.code != c.code || !strings.Contains(got.stderr, c.want) {
			t.Errorf("reprise %s: %+v", c.args, got)
		}
	}
	for _, args := range []string{"nonsense", "status --nonsense", "replay get something-else-entirely"} {
		if got := s.run("", strings.Fields(args)...); strings.Contains(got.stderr, "did you mean") {
			t.Errorf("reprise %s: %+v", args, got)
		}
	}
}

// Duplicates are consumed and never applied: the number that rises while a rebuild runs
// is the one of its end.
func TestCountsOfARebuildNeverFall(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	for range 3 {
		s.fine(account("a", 99), "send", "-", "--wait")
	}
	s.fine("", "replay", "start", "--name", "r", "--rebuild")
	var last lifecycle.Progress
	for {
		view := decode[lifecycle.View](t, s.fine("", "replay", "get", "r", "--json"))
		p := view.Progress
		if p.Consumed < last.Consumed || p.Applied < last.Applied || p.Applied > p.Consumed || p.Consumed > 300 {
			t.Fatalf("%+v after %+v", p, last)
		}
		if last = p; view.Status.Ended() {
			break
		}
	}
	if last.Consumed != 300 || last.Applied != 100 || last.Duplicates != 200 {
		t.Errorf("%+v", last)
	}
	out := s.fine("", "replay", "get", "r")
	if want := "rows        100 events applied, 200 duplicates, 0 entities parked\n"; !strings.Contains(out, want) ||
		!strings.Contains(out, "300 in all, 300 read, 300 delivered, 300 consumed\n") {
		t.Errorf("%s", out)
	}
}

func TestTheParallelismIsSet(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(account("a", 99), "send", "-", "--wait")
	s.fine("", "replay", "start", "--name", "r", "--rebuild", "--rate", "5")
	for _, n := range []string{"many", "0", "-1", "257", "1.5", "NaN"} {
		if got := s.run("", "replay", "set-parallelism", "r", n); got.code != command.ExitMisuse {
			t.Errorf("%s: %+v", n, got)
		}
	}
	if got := s.run("", "replay", "set-parallelism", "nobody", "5"); got.code != command.ExitFailed {
		t.Errorf("%+v", got)
	}
	if out := s.fine("", "replay", "set-parallelism", "r", "1"); out != "replay r: readers: 1 at a time\n" {
		t.Errorf("%q", out)
	}
	for _, show := range []string{"get", "progress"} {
		if out := s.fine("", "replay", show, "r"); !strings.Contains(out, "1 at a time\n") {
			t.Errorf("%s", out)
		}
	}
	s.fine("", "replay", "set-rate", "r", "0")
	// Documents and at last the replay, each in a line.
	var read int64
	lines := strings.Split(strings.TrimSpace(s.fine("", "replay", "watch", "r", "--json")), "\n")
	for _, line := range lines[:len(lines)-1] {
		detail := decode[lifecycle.Detail](t, line)
		if detail.ID != "r" || detail.Read < read {
			t.Errorf("%s after %d", line, read)
		}
		read = detail.Read
	}
	if view := decode[lifecycle.View](t, lines[len(lines)-1]); !view.Status.Ended() || view.Proof == nil {
		t.Errorf("%+v", view)
	}
	if got := s.run("", "replay", "set-parallelism", "r", "5"); !strings.Contains(got.stderr, "has ended") {
		t.Errorf("%+v", got)
	}
}
