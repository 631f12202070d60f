package verify_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"reprise/pkg/verify"
)

// executions say what became of the execution of each verification.
type executions map[string]string

func (executions) Start(context.Context, string, []byte) error            { return nil }
func (executions) Stop(context.Context, string, string, string) error     { return nil }
func (e executions) State(_ context.Context, name string) (string, error) { return e[name], nil }

// rebuilds remember which verifications were released.
type rebuilds map[string]bool

func (rebuilds) Begins(context.Context, string) error { return nil }

func (r rebuilds) Release(_ context.Context, id string) error {
	r[id] = true
	return nil
}

// A verification whose execution has ended without a word is ended, and what it has built is
// dropped; one that runs, or has just begun, is left alone.
func TestAVerificationWithoutAnExecutionIsEnded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state string
		age   time.Duration
		want  verify.Status
	}{
		"it runs":        {verify.ExecutionRunning, time.Hour, verify.Running},
		"it was stopped": {"ABORTED", time.Hour, verify.Failed},
		"it is gone":     {verify.ExecutionUnknown, time.Hour, verify.Failed},
		"just begun":     {verify.ExecutionUnknown, time.Minute, verify.Running},
	} {
		w := newWorld(t)
		w.rebuild()
		w.planOf("v", verify.Request{Depth: verify.Rebuild})
		w.clock.pass(c.age)
		released := rebuilds{}
		service := &verify.Service{Store: w.store, Planner: w.planner(), Executions: executions{"v": c.state},
			Reporter: &verify.Reporter{Store: w.store, Log: w.log}, Rebuilds: released}
		for range 2 {
			w.must(service.Reconcile(t.Context()))
		}
		row, err := w.store.Load(t.Context(), "v")
		w.must(err)
		if ended := c.want == verify.Failed; row.Status != c.want || released["v"] != ended ||
			ended != (row.Failure != nil) {
			t.Errorf("%s: it is %s, %+v, released %t", name, row.Status, row.Failure, released["v"])
		}
	}
}

// A verification that is cancelled, and one whose execution has ended in any way, release
// their rebuild, however often they are asked to; depth fold has none.
func TestTheEndOfAVerificationReleasesItsRebuild(t *testing.T) {
	t.Parallel()
	for depth, want := range map[verify.Depth]bool{"": false, verify.Rebuild: true} {
		for name, end := range map[string]func(w *world, s *verify.Service) error{
			"cancelled": func(w *world, s *verify.Service) error {
				_, err := s.Cancel(w.ctx, "v")
				return err
			},
			"failed": func(w *world, s *verify.Service) error {
				return s.Ended(w.ctx, "v", &verify.Failure{Error: "States.Timeout"})
			},
			"succeeded": func(w *world, s *verify.Service) error {
				w.check("v", false)
				w.report("v")
				return s.Released(w.ctx, "v")
			},
		} {
			w := newWorld(t)
			w.rebuild()
			w.planOf("v", verify.Request{Depth: depth})
			released := rebuilds{}
			service := &verify.Service{Store: w.store, Planner: w.planner(), Executions: executions{},
				Reporter: &verify.Reporter{Store: w.store, Log: w.log}, Rebuilds: released}
			w.must(service.Released(w.ctx, "v"))
			if released["v"] {
				t.Errorf("%s, depth %q: released before its end", name, depth)
			}
			w.must(end(w, service))
			if released["v"] != want {
				t.Errorf("%s, depth %q: released %t", name, depth, released["v"])
			}
		}
	}
}

// Requests of one meaning are one request; what makes no sense is refused by name.
func TestDepthsThatAreAskedFor(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]verify.Request{
		`{}`:                                  {},
		`{"depth":"fold"}`:                    {},
		`{"depth":"fold","full":true}`:        {Full: true},
		`{"depth":"rebuild"}`:                 {Depth: verify.Rebuild, Full: true},
		`{"depth":"rebuild","full":true}`:     {Depth: verify.Rebuild, Full: true},
		`{"full":false,"generation":"g0001"}`: {Generation: "g0001"},
	} {
		if got, err := verify.ParseRequest([]byte(input)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", input, got, err)
		}
	}
	for _, input := range []string{`{"depth":""}`, `{"depth":"Rebuild"}`, `{"depth":7}`,
		`{"depth":"rebuild","full":false}`, `{"depth":"rebuild","from":"2026-03-01T00:00:00Z"}`} {
		if got, err := verify.ParseRequest([]byte(input)); err == nil {
			t.Errorf("%s: %+v", input, got)
		}
	}
}

// A replay that failed fails a verification that finds nothing else, with its reason.
func TestAReplayThatFailedFailsItsVerification(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sendTo("x", "y")
	w.settle()
	row := w.verifyOf("v", verify.Request{Depth: verify.Rebuild})
	if row.Status != verify.Failed || row.Failure == nil || row.Failure.Error != "Reprise.RebuildFailed" ||
		row.Report.Rows != 2 || row.Report.RebuiltRows != 0 || row.Report.Lanes != lanes {
		t.Errorf("%s: %+v, %+v", row.Status, row.Failure, row.Report)
	}
}

// A throwaway whose consumer has stopped is behind, once that was waited for.
func TestAThrowawayThatDoesNotFollowIsDrift(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rebuild()
	w.sendTo("x", "y")
	w.settle()
	w.throwaway, w.rewritten = "", w.throwaway
	w.sendTo("x")
	w.settle()
	w.throwaway, w.patient = w.rewritten, time.Minute
	row := w.verifyOf("v", verify.Request{Depth: verify.Rebuild})
	if d := row.Report.Differences; kinds(row) != "[rebuilt]" || len(d) != 1 ||
		!strings.HasPrefix(d[0].What, "rebuilt, behind: ") {
		t.Errorf("%s: %+v", kinds(row), d)
	}
}
