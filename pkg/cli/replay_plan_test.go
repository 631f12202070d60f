package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"reprise/pkg/cli/command"
	"reprise/pkg/meter/forecast"
	"reprise/pkg/replay/lifecycle"
	"reprise/workflows"
)

// A dry run prints the plan with every default, for people and for programs, and
// starts nothing.
func TestADryRunPrintsThePlanAndStartsNothing(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(account("a", 3)+account("b", 5), "send", "-", "--wait")
	out := s.fine("", "replay", "start", "--dry-run", "--prefix", "a", "--rate", "500", "--name", "nightly")
	for _, want := range []string{
		"dry run        nothing was started\n",
		"from           the first event\n",
		"types          all\n",
		"entities       beginning with a\n",
		"target         the playback stream\n",
		"ordering       entity\n",
		"rate           500 events/s\n",
		"budget         none\n",
		"failures       tolerated: if a lane group fails, the others go on\n",
		"events read    10\n",
		"delivered      0 to 10\n",
		"entities read  unknown: manifests do not count entities\n",
		"cost           nothing is charged here\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan lacks %q:\n%s", want, out)
		}
	}
	plan := decode[forecast.Plan](t, s.fine("", "replay", "start", "--rebuild", "--dry-run", "--json"))
	if plan.Read != (forecast.Range{AtLeast: 10, AtMost: 10}) || plan.Delivered != plan.Read || !plan.Input.Rebuild {
		t.Errorf("%+v", plan)
	}
	if out := s.fine("", "replay", "list", "--json"); out != "" {
		t.Errorf("a replay was started: %s", out)
	}
	if got := s.run("", "replay", "start", "--dry-run", "--wait"); got.code != command.ExitMisuse {
		t.Errorf("%+v", got)
	}
	// The name is still free.
	s.fine("", "replay", "start", "--name", "nightly", "--wait")
}

// Prefixes and attributes select what they say.
func TestAReplaySelectsByPrefixAndAttribute(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	events := account("ab-1", 3) + account("ab-2", 2) + account("b-1", 1) +
		strings.ReplaceAll(account("c-1", 4), `"time"`, `"tenant":"acme","time"`)
	s.fine(events, "send", "-", "--wait")
	for name, c := range map[string]struct {
		flag string
		want int64
	}{"prefix": {"--prefix=ab-", 7}, "attribute": {"--attribute=tenant=acme", 5}} {
		s.fine("", "replay", "start", "--name", name, c.flag, "--wait")
		view := decode[lifecycle.View](t, s.fine("", "replay", "get", name, "--json"))
		if view.Proof == nil || !view.Proof.Complete || view.Proof.Scoped || view.Proof.Applied.Count != c.want ||
			view.Proof.Read.Count != 14 {
			t.Errorf("%s: %+v", name, view.Proof)
		}
	}
}

// The schema is printed as it is, without a platform.
func TestTheSchemaIsPrinted(t *testing.T) {
	t.Parallel()
	s := &shell{t: t}
	if out := s.fine("", "replay", "schema"); out != workflows.ReplayInput() || !json.Valid([]byte(out)) {
		t.Errorf("%s", out)
	}
}
