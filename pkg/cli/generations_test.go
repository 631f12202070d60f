package cli

import (
	"strings"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/api/generations"
	"reprise/pkg/cli/command"
	"reprise/pkg/replay/lifecycle"
)

// fields joins the words of a text with single spaces.
func fields(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestGenerationsArePromotedRolledBackAndDropped(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(account("a", 2), "send", "-", "--wait")
	built := decode[lifecycle.View](t, s.fine("", "replay", "start", "--rebuild", "--wait", "--name", "r", "--json"))
	id := built.Generation
	s.fine("", "verify", "start", "--name", "v", "--wait")
	list := fields(s.fine("", "generation", "list"))
	for _, want := range []string{
		"ID STATE PROJECTIONS BUILT BY EVENTS BEHIND PARKED SIZE ACTIVE SINCE VERIFIED",
		"g0001 active accounts@1,repofiles@1 the live path 3 0 0", id + " following accounts@1,repofiles@1 r 3 0 0",
		"CLEAN", "by v", "never",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("generation list lacks %q: %s", want, list)
		}
	}
	if out := fields(s.fine("", "generation", "show", id)); !strings.Contains(out, "built by r events 3 behind 0") {
		t.Errorf("generation show: %s", out)
	}
	want := "generation " + id + " is active instead of g0001"
	if out := s.fine("", "generation", "promote", id); !strings.HasPrefix(out, want) {
		t.Errorf("promote: %s", out)
	}
	promoted := decode[generations.Promoted](t, s.fine("", "generation", "rollback", "--json"))
	if promoted.Active != "g0001" || promoted.Previous != id {
		t.Errorf("rollback: %+v", promoted)
	}
	one := decode[api.GenerationView](t, s.fine("", "generation", "show", id, "--json"))
	if one.ID != id || !one.Promoted || one.Activated == nil {
		t.Errorf("show --json: %+v", one)
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"generation promote g0001", command.ExitFailed, "is the active one already"},
		{"generation promote " + id + " --instead g0009", command.ExitFailed, "another generation is active"},
		{"generation promote g9999", command.ExitFailed, "hint: reprise generation list"},
		{"generation promote a/b", command.ExitMisuse, "not the id of a generation"},
		{"generation show g9999", command.ExitFailed, "there is no generation g9999"},
		{"generation drop " + id, command.ExitMisuse, "--yes"},
		{"generation drop g0001 --yes", command.ExitFailed, "is the active one already"},
		{"generation rollback x", command.ExitMisuse, "unexpected argument"},
	} {
		if got := s.run("", strings.Fields(c.args)...); got.code != c.code || !strings.Contains(got.stderr, c.want) {
			t.Errorf("reprise %s: %+v", c.args, got)
		}
	}
	if out := s.fine("", "generation", "drop", id, "--yes"); out != "generation "+id+" is dropped\n" {
		t.Errorf("drop: %s", out)
	}
	if got := s.run("", "generation", "rollback"); got.code != command.ExitFailed ||
		!strings.Contains(got.stderr, "no generation is kept to go back to") {
		t.Errorf("rollback without another generation: %+v", got)
	}
}
