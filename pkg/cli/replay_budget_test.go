package cli

import (
	"strings"
	"testing"

	"reprise/pkg/cli/command"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// A replay that its budget has stopped says so in every command, with the command that
// raises the budget and lets it go on.
func TestABudgetIsSeenAndRaised(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(account("a", 20), "send", "-", "--wait")
	plan := s.fine("", "replay", "start", "--dry-run", "--budget", "0.00001usd", "--tolerated-failures", "1")
	for _, want := range []string{"budget         $0.00001, which may be used up before the end\n",
		"failures       1 tolerated: if more lane groups fail, the others are stopped\n",
		"WARNING        the replay will pause before its end: the budget of $0.00001 is "} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan lacks %q:\n%s", want, plan)
		}
	}
	plan = s.fine("", "replay", "start", "--dry-run", "--budget", "5usd")
	if !strings.Contains(plan, "$5.00, which suffices") || strings.Contains(plan, "WARNING") {
		t.Errorf("%s", plan)
	}
	s.fine("", "replay", "start", "--name", "poor", "--budget", "0.00001usd")
	var shown lifecycle.View
	for shown.Status != replay.ShownPaused {
		shown = decode[lifecycle.View](t, s.fine("", "replay", "get", "poor", "--json"))
	}
	const why = "the budget of $0.00001 is used up ("
	const raise = "raise it and go on: reprise replay set-budget poor AMOUNT --resume"
	for _, c := range [][]string{{"get", "poor"}, {"progress", "poor"}, {"list"}} {
		out := s.fine("", append([]string{"replay"}, c...)...)
		if !strings.Contains(out, why) || !strings.Contains(out, raise) && c[0] != "list" {
			t.Errorf("%v: %s", c, out)
		}
	}
	if detail := decode[lifecycle.Detail](t, s.fine("", "replay", "progress", "poor", "--json")); detail.PausedBy == nil ||
		!strings.HasPrefix(detail.PausedBy.Cause, why) || detail.Budget.Charged {
		t.Errorf("%+v", detail.PausedBy)
	}
	if got := s.run("", "replay", "resume", "poor"); got.code != command.ExitFailed ||
		!strings.Contains(got.stderr, "is used up") || !strings.Contains(got.stderr, "raise it") {
		t.Errorf("resumed: %+v", got)
	}
	for _, amount := range []string{"0usd", "many", "-5usd", "5", "NaNusd", "1e400usd", "2000000usd"} {
		if got := s.run("", "replay", "set-budget", "poor", "--", amount); got.code != command.ExitMisuse {
			t.Errorf("%s: %+v", amount, got)
		}
	}
	if got := s.run("", "replay", "set-budget", "nobody", "5usd"); got.code != command.ExitFailed {
		t.Errorf("%+v", got)
	}
	out := s.fine("", "replay", "set-budget", "poor", "5usd")
	if !strings.HasPrefix(out, "replay poor is PAUSED; its budget: $5.00, used so far $0.0000") {
		t.Errorf("%s", out)
	}
	if out := s.fine("", "replay", "get", "poor"); !strings.Contains(out, "the budget was raised since") {
		t.Errorf("%s", out)
	}
	out = s.fine("", "replay", "set-budget", "poor", "none", "--resume")
	if out != "replay poor is RUNNING; its budget: none\n" {
		t.Errorf("%s", out)
	}
	s.fine("", "replay", "watch", "poor")
	if got := s.run("", "replay", "set-budget", "poor", "5usd"); !strings.Contains(got.stderr, "has ended") {
		t.Errorf("%+v", got)
	}
}
