package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"reprise/pkg/replay"
)

// spreading are executions that note what they are told.
type spreading struct {
	started
	told []string
	err  error
}

func (s *spreading) SetConcurrency(_ context.Context, name string, n int) error {
	s.told = append(s.told, fmt.Sprint(name, " ", n))
	return s.err
}

func (s *spreading) Release(_ context.Context, token string, output []byte) error {
	s.told = append(s.told, token+" "+string(output))
	return nil
}

// The number is kept, told to the execution that runs at present within the platform's
// bound, and again by Reconcile, since a map run may have begun just before.
func TestParallelismReachesTheExecution(t *testing.T) {
	c := newClosing(t)
	executions := &spreading{started: started{"r": true, "r.1": true}}
	s := &Service{Store: c.Store, Executions: executions, Closer: c.closer()}
	c.Create("r", replay.Request{})
	c.Must(c.Store.Bound(t.Context(), "r", 10))
	c.Change("r", func(row *replay.Row) { row.Executions = []string{"r.1"} })
	c.Must(s.Reconcile(t.Context())) // nothing was set: nothing is told
	for _, n := range []int{0, -1, replay.MaxParallelism + 1} {
		if _, err := s.SetParallelism(t.Context(), "r", n); !errors.Is(err, replay.ErrRequest) {
			t.Errorf("%d: %v", n, err)
		}
	}
	if row := c.Row("r"); row.Parallelism != nil || len(executions.told) != 0 {
		t.Errorf("what was refused changed %+v, told %v", row.Parallelism, executions.told)
	}
	executions.err = errors.New("no answer")
	if _, err := s.SetParallelism(t.Context(), "r", 200); err == nil {
		t.Error("the error is lost")
	}
	executions.err = nil
	c.Must(s.Reconcile(t.Context()))
	row, err := s.SetParallelism(t.Context(), "r", 3)
	c.Must(err)
	if stored := c.Row("r"); row.Parallel() != 3 || stored.Readers() != 3 {
		t.Errorf("%+v", row)
	}
	c.Change("r", func(row *replay.Row) { row.Paused, row.Tokens = true, []string{"token"} })
	_, err = s.Resume(t.Context(), "r")
	c.Must(err)
	if want := []string{"r.1 10", "r.1 10", "r.1 3", `token {"parallelism":3}`}; !slices.Equal(executions.told, want) {
		t.Errorf("told %q, want %q", executions.told, want)
	}
	_, _, err = c.Store.End(t.Context(), "r", replay.Failed, nil, nil)
	c.Must(err)
	_, err = s.SetParallelism(t.Context(), "r", 4)
	if row := c.Row("r"); !errors.Is(err, replay.ErrEnded) || row.Parallel() != 3 {
		t.Errorf("after the end: %v, %d", err, row.Parallel())
	}
}
