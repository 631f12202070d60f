package lifecycle

import (
	"context"
	"errors"
	"strings"
	"testing"

	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// started are executions in memory.
type started map[string]bool

func (s started) Start(_ context.Context, name string, _ []byte) error {
	s[name] = true
	return nil
}

func (s started) State(_ context.Context, name string) (ExecutionStatus, error) {
	if !s[name] {
		return ExecutionUnknown, nil
	}
	return ExecutionRunning, nil
}

func (s started) Stop(context.Context, string, string, string) error { return nil }

func (s started) Release(context.Context, string, []byte) error { return nil }

func (s started) SetConcurrency(context.Context, string, int) error { return nil }

// A replay that no execution would carry out is not created: of a dry run, of slices
// that the log cannot have, and of a name that belonged to an execution without a
// replay, such as that of a dry run.
func TestAReplayThatNothingWouldCarryOutIsNotCreated(t *testing.T) {
	c := newClosing(t)
	executions := started{"tried": true}
	s := &Service{Store: c.Store, Executions: executions, Closer: c.closer(), Width: eventlog.Day}
	for _, tt := range []struct {
		name    string
		request replay.Request
		err     error
		problem string
	}{
		{"dry", replay.Request{DryRun: true}, replay.ErrRequest, "POST /plans"},
		{"narrow", replay.Request{Slice: "36h"}, replay.ErrRequest, "slice 36h is no multiple"},
		{"tried", replay.Request{}, replay.ErrExists, "had that name"},
	} {
		_, _, err := s.Start(t.Context(), tt.name, tt.request)
		if !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.problem) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if _, err := c.Store.Load(t.Context(), tt.name); !errors.Is(err, replay.ErrNotFound) {
			t.Errorf("%s: a row is left: %v", tt.name, err)
		}
	}
	if len(executions) != 1 {
		t.Errorf("started were %v", executions)
	}
	// The same replay twice is no new name.
	for range 2 {
		if _, _, err := s.Start(t.Context(), "whole", replay.Request{Slice: "2d"}); err != nil {
			t.Fatal(err)
		}
	}
}

// over are executions that have all ended in one way.
type over struct {
	started
	status ExecutionStatus
}

func (o over) State(context.Context, string) (ExecutionStatus, error) { return o.status, nil }

// A step that outlives its execution may open the replay after the end of the execution
// closed nothing. Reconcile ends it as the execution did.
func TestAReplayThatWasOpenedTooLateEnds(t *testing.T) {
	for status, want := range map[ExecutionStatus]replay.Status{
		"FAILED": replay.Failed, "TIMED_OUT": replay.Failed, "ABORTED": replay.Cancelled, ExecutionRunning: replay.Planned,
	} {
		c := newClosing(t)
		c.Follow("", false)
		s := &Service{Store: c.Store, Executions: over{started{}, status}, Closer: c.closer(), Width: eventlog.Day}
		c.Create("late", replay.Request{})
		if err := s.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
		if row := c.Row("late"); row.Status != want {
			t.Errorf("%s: the replay is %s, want %s", status, row.Status, want)
		}
	}
}
