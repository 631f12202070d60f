package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"reprise/pkg/api/entities"
	"reprise/pkg/api/verifications"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/repairs"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/verify"
)

// repaired starts a platform whose projection has been mended without a new version, with
// accounts that were folded before.
func repaired(t *testing.T, accounts ...string) *shell {
	t.Helper()
	options := local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 2, Projections: deposits(1)}
	p := localtest.Start(t, options)
	s := &shell{t: t, endpoint: p.URL}
	var lines strings.Builder
	for _, name := range accounts {
		lines.WriteString(account(name, 9))
	}
	s.fine(lines.String(), "send", "-", "--wait")
	p.Stop()
	options.Projections = deposits(2)
	s.endpoint = localtest.Start(t, options).URL
	return s
}

func (s *shell) state(entity string) string {
	s.t.Helper()
	return string(decode[entities.View](s.t, s.fine("", "state", "get", entity, "--json")).State)
}

func TestRepairFoldsTheTouchedEntitiesAgain(t *testing.T) {
	t.Parallel()
	s := repaired(t, "a", "b", "c")
	list := s.run("", "repair", "--prefix", "b", "--prefix", "c", "--dry-run")
	if list.code != command.ExitFine || list.stdout != "b\nc\n" && list.stdout != "c\nb\n" ||
		!strings.Contains(list.stderr, "2 entities; nothing was changed") {
		t.Errorf("%+v", list)
	}
	found := decode[repairs.Found](t, s.fine("", "repair", "--type", "account.opened", "--dry-run", "--json"))
	slices.Sort(found.Entities)
	if found.Count != 3 || !found.Complete || !slices.Equal(found.Entities, []string{"a", "b", "c"}) {
		t.Errorf("%+v", found)
	}
	repair := strings.Fields("repair --entity a --entity b --entity nobody --reason r --request r1")
	if got := s.run("no\n", repair...); got.code != command.ExitFailed || s.state("a") != "10" {
		t.Errorf("%+v", got)
	}
	if got := s.run("", repair...); got.code != command.ExitMisuse || s.state("a") != "10" {
		t.Errorf("%+v", got)
	}
	for i := range 2 {
		done := decode[repairs.Outcome](t, s.fine("yes\n", append(repair, "--wait", "--json")...))
		if done.Accepted != 2-2*i || done.Repeated != 2*i || !done.Applied || done.Request != "r1" {
			t.Errorf("time %d: %+v", i+1, done)
		}
	}
	if a, b, c := s.state("a"), s.state("b"), s.state("c"); a != "20" || b != "20" || c != "10" {
		t.Errorf("a %s, b %s, c %s", a, b, c)
	}
	// A full verification finds what was not asked for.
	rest := s.run("", "verify", "start", "--name", "rest", "--wait", "--full", "--json")
	if view := decode[verifications.View](t, rest.stdout); rest.code != command.ExitFailed ||
		view.Status != verify.Drift || len(view.Report.Differences) != 1 || view.Report.Differences[0].Entity != "c" {
		t.Errorf("%+v", rest)
	}
}

// What a verification has found is repaired in place, and it says so.
func TestRepairOfAVerification(t *testing.T) {
	t.Parallel()
	s := repaired(t, "a", "b")
	start := s.run("no\n", "verify", "start", "--name", "drifted", "--repair")
	if !strings.Contains(start.stderr, "reprise repair --verification drifted") {
		t.Errorf("%+v", start)
	}
	out := s.fine("", "repair", "--verification", "drifted", "--reason", "r", "--yes", "--wait")
	if !strings.Contains(out, "2 entities folded again") {
		t.Error(out)
	}
	view := decode[verifications.View](t, s.fine("", "verify", "start", "--name", "after", "--full", "--wait", "--json"))
	if view.Status != verify.Clean || view.Generation != "g0001" {
		t.Errorf("%+v", view)
	}
	if got := s.run("", "repair", "--verification", "after", "--reason", "r", "--yes"); got.code != command.ExitFailed ||
		!strings.Contains(got.stderr, "no drift to repair") {
		t.Errorf("%+v", got)
	}
}

func TestRepairNeedsToKnowWhat(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: "http://127.0.0.1:1"}
	for _, args := range []string{"", "--reason r", "--type x", "--type x --verification y --reason r",
		"--verification y --generation-diff z --dry-run", "--type x --reason r --timeout 0s"} {
		if got := s.run("", append([]string{"repair"}, strings.Fields(args)...)...); got.code != command.ExitMisuse {
			t.Errorf("repair %s: %+v", args, got)
		}
	}
	s.endpoint = startPlatform(t)
	if got := s.run("", "repair", "--type", "x", "--reason", "r", "--yes"); got.code != command.ExitNothing {
		t.Errorf("%+v", got)
	}
}

// Live traffic goes on while entities are folded again: nothing is lost, and a rebuild
// comes to the same.
func TestRepairBesideLiveTraffic(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprint("n", i))
	}
	s := repaired(t, names...)
	ctx, stop := context.WithCancel(t.Context())
	var rounds atomic.Int64
	first, ended := make(chan struct{}), make(chan struct{})
	begun := sync.OnceFunc(func() { close(first) })
	go func() {
		defer close(ended)
		defer begun()
		live := &shell{t: t, endpoint: s.endpoint}
		for ctx.Err() == nil {
			lines := ""
			for _, name := range names {
				lines += fmt.Sprintf(`{"specversion":"1.0","id":"live-%d","source":"t","type":"account.deposited",`+
					`"subject":%q}`+"\n", rounds.Load(), name)
			}
			if got := live.runUntil(t.Context(), lines, "send", "-"); got.code != command.ExitFine {
				t.Errorf("%+v", got)
				return
			}
			rounds.Add(1)
			begun()
		}
	}()
	<-first
	s.fine("", "repair", "--type", "account.opened", "--reason", "r", "--yes", "--wait")
	stop()
	<-ended
	s.fine(account("last", 0), "send", "-", "--wait")
	s.fine("", "verify", "start", "--name", "after", "--full", "--wait")
	want := fmt.Sprint(2 * (10 + rounds.Load()))
	for _, name := range names {
		if have := s.state(name); have != want {
			t.Errorf("%s: %s, want %s", name, have, want)
		}
	}
}
