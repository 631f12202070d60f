package lifecycle

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/replay"
)

// recorded are executions by name, with their inputs.
type recorded struct {
	Executions
	inputs map[string]string
}

func (r recorded) Start(_ context.Context, name string, input []byte) error {
	r.inputs[name] = string(input)
	return nil
}

func (r recorded) State(_ context.Context, name string) (ExecutionStatus, error) {
	if _, found := r.inputs[name]; !found {
		return ExecutionUnknown, nil
	}
	return ExecutionRunning, nil
}

func (r recorded) Stop(_ context.Context, name, _, _ string) error {
	r.inputs[name] = "stopped"
	return nil
}

// failed is a world with the failed rebuild "r" and its generation.
func failed(t *testing.T, why string) (c closing, s *Service, generation string, started map[string]string) {
	t.Helper()
	c = newClosing(t)
	c.Follow("", false)
	generation = c.Building("r")
	c.Change("r", func(row *replay.Row) { row.Cut = &row.Created })
	_, err := c.closer().CloseExecution(t.Context(), "r", "r", replay.Failed, &replay.Failure{Error: why})
	c.Must(err)
	started = make(map[string]string)
	return c, &Service{Store: c.Store, Closer: c.closer(), Executions: recorded{inputs: started}}, generation, started
}

// A failed replay keeps its generation, without the right to promote it, and goes on in
// another execution, which gives the right back.
func TestAFailedReplayIsContinued(t *testing.T) {
	c, s, generation, started := failed(t, "Reprise.Stalled")
	ctx := t.Context()
	if info := c.Info(generation); info.Withdrawn != "FAILED" {
		t.Errorf("withdrawn as %q", info.Withdrawn)
	}
	row, err := s.Continue(ctx, "r")
	c.Must(err)
	if row.Execution() != "r.1" || row.Status.Ended() || row.Failure != nil || started["r.1"] != `{"continue":"r"}` {
		t.Errorf("%+v, started %v", row, started)
	}
	for range 2 { // Plan may be retried
		_, err = s.Adopt(ctx, "r", "r.1")
		c.Must(err)
	}
	if info := c.Info(generation); info.Withdrawn != "" || info.Attempt != 1 {
		t.Errorf("%+v", info)
	}
	// The first execution may do nothing any more.
	c.Must(s.Ended(ctx, "r", "r", "ABORTED", nil))
	if _, err := c.closer().CloseExecution(ctx, "r", "r", replay.Failed, nil); !errors.Is(err, replay.ErrSuperseded) {
		t.Errorf("closed by the first execution: %v", err)
	}
	for _, old := range []string{"r", "other"} {
		if err := c.Store.CheckExecution(ctx, "r", old); !errors.Is(err, replay.ErrSuperseded) {
			t.Errorf("a step of %s: %v", old, err)
		}
	}
	c.Must(c.Store.CheckExecution(ctx, "r", "r.1"))
	if _, err := s.Adopt(ctx, "r", "r"); !errors.Is(err, replay.ErrSuperseded) && !errors.Is(err, replay.ErrNotFailed) {
		t.Errorf("adopted by the first execution: %v", err)
	}
	if row := c.Row("r"); row.Status.Ended() || c.Info(generation).Withdrawn != "" {
		t.Errorf("%+v", row)
	}
	c.Must(s.Ended(ctx, "r", "r.1", "TIMED_OUT", nil))
	if row := c.Row("r"); row.Status != replay.Failed || row.Failure == nil || c.Info(generation).Withdrawn != "FAILED" {
		t.Errorf("%+v", row)
	}
	// And again, this time by a person's own execution.
	row, err = s.Adopt(ctx, "r", "mine")
	c.Must(err)
	if row.Execution() != "mine" || row.Attempt() != 2 || c.Info(generation).Withdrawn != "" {
		t.Errorf("%+v", row)
	}
}

// What continuing cannot mend, or what has not failed, is refused and changes nothing.
func TestWhatCannotBeContinuedIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		why    string
		change func(c closing)
		want   error
		reason string
	}{
		"invalid":       {"Reprise.InvalidInput", nil, replay.ErrCannotContinue, "InvalidInput"},
		"other version": {"Reprise.OtherVersion", nil, replay.ErrCannotContinue, "OtherVersion"},
		"lost":          {"Reprise.GenerationLost", nil, replay.ErrCannotContinue, "GenerationLost"},
		"never catches up": {"Reprise.CutTooOld", func(c closing) {
			_, err := control.Update(c.t.Context(), c.Store.Table, replay.RowKey("r"), func(row *replay.Row, _ bool) error {
				row.CatchUps = 1000
				return nil
			})
			c.Must(err)
		}, replay.ErrCannotContinue, "CutTooOld"},
		"late": {"E", func(c closing) {
			c.Now = c.Now.Add(30*24*time.Hour + 1)
		}, replay.ErrCannotContinue, "30 days"},
		"gone": {"E", func(c closing) {
			c.Must(c.closer().dropUnfinished(c.t.Context(), c.Row("r").Generation))
		}, replay.ErrCannotContinue, "generation"},
	} {
		c, s, _, started := failed(t, tt.why)
		if tt.change != nil {
			tt.change(c)
		}
		if _, err := s.Continue(t.Context(), "r"); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: %v", name, err)
		}
		if row := c.Row("r"); row.Status != replay.Failed || len(started) > 0 {
			t.Errorf("%s: %+v, started %v", name, row, started)
		}
	}
	c, s, _, _ := failed(t, "E")
	c.Building("running")
	if _, err := s.Continue(t.Context(), "running"); !errors.Is(err, replay.ErrNotFailed) {
		t.Errorf("a running replay: %v", err)
	}
	if _, err := s.Continue(t.Context(), "unknown"); !errors.Is(err, replay.ErrNotFound) {
		t.Errorf("an unknown replay: %v", err)
	}
}

// The generation of a failed replay outlives sweeps for longer than the replay can be
// continued, and then goes; that of a failure that nothing mends goes at once.
func TestTheGenerationOfAFailedReplayIsKeptForAMonth(t *testing.T) {
	c, _, generation, _ := failed(t, "E")
	first := c.RegistryState().Active
	c.Now = c.Now.Add(30 * 24 * time.Hour)
	c.Must(c.closer().Sweep(t.Context()))
	registered := c.RegistryState()
	if _, found := registered.Find(generation); !found {
		t.Error("swept while the replay can be continued")
	}
	c.Now = c.Now.Add(25 * time.Hour)
	c.Must(c.closer().Sweep(t.Context()))
	c.WantGenerations(first)
	c, _, _, _ = failed(t, "Reprise.OtherVersion")
	c.WantGenerations(c.RegistryState().Active)
}

// Cancelling a failed replay gives its generation up.
func TestAFailedReplayIsCancelled(t *testing.T) {
	c, s, _, started := failed(t, "E")
	row, err := s.Cancel(t.Context(), "r")
	if err != nil || row.Status != replay.Cancelled || row.Failure != nil || len(started) > 0 {
		t.Fatalf("%+v, %v, %v", row, err, started)
	}
	c.Must(c.closer().Sweep(t.Context()))
	c.WantGenerations(c.RegistryState().Active)
	if _, err := s.Continue(t.Context(), "r"); !errors.Is(err, replay.ErrNotFailed) {
		t.Errorf("continued: %v", err)
	}
	if _, err := s.Cancel(t.Context(), "r"); !errors.Is(err, replay.ErrEnded) {
		t.Errorf("cancelled twice: %v", err)
	}
}

// After a crash between the row and the execution, the next request or Reconcile starts
// the execution, and only once.
func TestAnInterruptedContinuationIsCompleted(t *testing.T) {
	for name, complete := range map[string]func(*Service) error{
		"request":   func(s *Service) error { _, err := s.Continue(context.Background(), "r"); return err },
		"reconcile": func(s *Service) error { return s.Reconcile(context.Background()) },
	} {
		c, s, _, started := failed(t, "E")
		_, err := c.Store.Continue(t.Context(), "r", "")
		c.Must(err)
		c.Must(complete(s))
		if len(started) != 1 || started["r.1"] == "" || c.Row("r").Started == nil {
			t.Errorf("%s: started %v", name, started)
		}
	}
}

func TestNamesOfContinuedExecutions(t *testing.T) {
	long := strings.Repeat("x", 80)
	for _, id := range []string{"r", long, long[:79] + "y"} {
		for _, n := range []int{1, 10, 100} {
			name := replay.ExecutionName(id, n)
			if len(name) > 80 || !strings.Contains(name, ".") || replay.CheckID(name) == nil {
				t.Errorf("%s %d is %s", id, n, name)
			}
		}
	}
	if replay.ExecutionName(long, 1) == replay.ExecutionName(long[:79]+"y", 1) {
		t.Error("two replays have the same name")
	}
}
