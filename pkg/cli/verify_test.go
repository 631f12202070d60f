package cli

import (
	"strings"
	"sync/atomic"
	"testing"

	"reprise/pkg/api/verifications"
	"reprise/pkg/cli/command"
	"reprise/pkg/event"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/projection"
	"reprise/pkg/verify"
)

// deposits counts deposits, each as much as it says, always under the same version.
func deposits(each int) []projection.Projection {
	return []projection.Projection{projection.New("deposits", 1, []string{"account.opened", "account.deposited"},
		func(sum int, _ *event.Event) (int, error) { return sum + each, nil })}
}

// A verification says what it is about, what it found and what it costs; a budget stops it.
func TestVerificationsOnTheCommandLine(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(account("a", 9), "send", "-", "--wait")
	out := s.fine("", "verify", "start", "--name", "first", "--wait")
	for _, want := range []string{"CLEAN", "everything", "1 rows, 10 events", "at most on AWS", "none"} {
		if !strings.Contains(out, want) {
			t.Errorf("without %q: %s", want, out)
		}
	}
	s.fine(account("b", 0), "send", "-", "--wait")
	if out := s.fine("", "verify", "start", "--name", "second", "--wait"); !strings.Contains(out,
		"what has changed since first") || !strings.Contains(out, "1 rows, ") {
		t.Error(out)
	}
	poor := s.run("", "verify", "start", "--name", "poor", "--full", "--budget", "1ru", "--wait")
	if poor.code != command.ExitFailed || !strings.Contains(poor.stderr, "the budget of 1 read units is used up") ||
		!strings.Contains(poor.stdout, " lanes to their end: ") {
		t.Errorf("%+v", poor)
	}
	list := s.fine("", "verify", "list")
	for _, want := range []string{"SCOPE", "COST", "full", "incremental", "$0.0"} {
		if !strings.Contains(list, want) {
			t.Errorf("without %q: %s", want, list)
		}
	}
	for _, args := range []string{"verify start --budget 1", "verify start --budget 0usd"} {
		if got := s.run("", strings.Fields(args)...); got.code != command.ExitMisuse {
			t.Errorf("%s: %+v", args, got)
		}
	}
	if got := s.run("", "verify", "repair", "first", "--yes"); got.code != command.ExitFailed ||
		!strings.Contains(got.stderr, "there is no drift to repair") {
		t.Errorf("%+v", got)
	}
}

// At depth rebuild the command waits for the replay, too, and says what that cost; where a
// rebuild comes to other rows, no rebuild is offered as a repair.
func TestDepthRebuildOnTheCommandLine(t *testing.T) {
	t.Parallel()
	wrong := new(atomic.Int64)
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 1,
		Projections: []projection.Projection{projection.New("deposits", 1, []string{"account.opened", "account.deposited"},
			func(sum int, _ *event.Event) (int, error) {
				if wrong.Add(-1) >= 0 {
					sum++
				}
				return sum + 1, nil
			})}})
	s := &shell{t: t, endpoint: p.URL}
	s.fine(account("a", 9)+account("b", 3), "send", "-", "--wait")
	out := s.fine("", "verify", "start", "--depth", "rebuild", "--name", "deep", "--wait")
	for _, want := range []string{"CLEAN", "rebuild", "replay deep into the throwaway g0002, SUCCEEDED",
		"of that the rebuild", "2 rows of the throwaway"} {
		if !strings.Contains(out, want) {
			t.Errorf("without %q: %s", want, out)
		}
	}
	wrong.Store(14) // all of the rebuild that comes next, and nothing after it
	got := s.run("", "verify", "start", "--depth", "rebuild", "--name", "wrong", "--wait")
	if got.code != command.ExitFailed || !strings.Contains(got.stdout, "2 rebuilt") ||
		!strings.Contains(got.stderr, "trust no rebuild") {
		t.Errorf("%+v", got)
	}
	for _, args := range []string{"verify repair wrong --yes", "repair --verification wrong --reason r --yes"} {
		got := s.run("", strings.Fields(args)...)
		if got.code != command.ExitFailed || strings.Contains(got.stdout, "CLEAN") {
			t.Errorf("%s: %+v", args, got)
		}
	}
	list := s.fine("", "verify", "list")
	for _, want := range []string{"DEPTH", "rebuild", "2 rebuilt"} {
		if !strings.Contains(list, want) {
			t.Errorf("without %q: %s", want, list)
		}
	}
	if got := s.run("", "verify", "start", "--depth", "shadow"); got.code != command.ExitMisuse {
		t.Errorf("%+v", got)
	}
}

// Drifted rows are rebuilt after an approval, and verified again.
func TestDriftIsRepaired(t *testing.T) {
	t.Parallel()
	for _, depth := range []string{"fold", "rebuild"} {
		t.Run(depth, func(t *testing.T) { driftIsRepaired(t, depth) })
	}
}

func driftIsRepaired(t *testing.T, depth string) {
	t.Helper()
	dir := t.TempDir()
	p := localtest.Start(t, local.Options{Dir: dir, Lanes: 4, Shards: 1, Projections: deposits(1)})
	s := &shell{t: t, endpoint: p.URL}
	s.fine(account("a", 9)+account("b", 3), "send", "-", "--wait")
	p.Stop()
	p = localtest.Start(t, local.Options{Dir: dir, Lanes: 4, Shards: 1, Projections: deposits(2)})
	s.endpoint = p.URL
	start := []string{"verify", "start", "--depth", depth, "--name", "drifted", "--repair"}
	if got := s.run("no\n", start...); got.code != command.ExitFailed || !strings.Contains(got.stderr, "type yes") ||
		!strings.Contains(got.stdout, "2 state") || !strings.Contains(got.stderr, "nothing was rebuilt") {
		t.Fatalf("%+v", got)
	}
	if got := s.run("", "verify", "repair", "drifted"); got.code != command.ExitMisuse {
		t.Errorf("%+v", got)
	}
	for range 2 { // the second time it finds everything done
		out := s.fine("", "verify", "repair", "drifted", "--yes", "--json")
		if view := decode[verifications.View](t, out); view.Status != verify.Clean || view.Generation == "g0001" ||
			view.Report.Rows != 2 {
			t.Errorf("%+v", view)
		}
	}
}
