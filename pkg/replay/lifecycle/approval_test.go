package lifecycle

import (
	"context"
	"errors"
	"slices"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// releasing are executions that note which tokens were released, and fail while err is
// set.
type releasing struct {
	started
	tokens []string
	err    error
}

func (r *releasing) Release(_ context.Context, token string, _ []byte) error {
	if r.err == nil {
		r.tokens = append(r.tokens, token)
	}
	return r.err
}

// asking is a replay r that asks, whose execution waits for a token.
func asking(t *testing.T, c closing, s *Service) (generation string) {
	t.Helper()
	c.Create("r", replay.Request{Rebuild: true, Promote: true, Ask: true})
	info, err := c.Registry.Begin(t.Context(), "r", "v1")
	c.Must(err)
	c.Must(c.Registry.Follow(t.Context(), info.ID, datastore.Cut{}))
	c.Change("r", func(row *replay.Row) { row.Generation = info.ID })
	_, err = c.Store.AskApproval(t.Context(), "r")
	c.Must(err)
	c.Must(s.Park(t.Context(), "r", "token"))
	return info.ID
}

// An approval lets the execution go on, once, also if whoever approved died between the
// answer and the release; a resume does not.
func TestAnApprovalReleasesTheExecution(t *testing.T) {
	c := newClosing(t)
	executions := &releasing{started: started{"r": true}}
	s := &Service{Store: c.Store, Executions: executions, Closer: c.closer()}
	generation := asking(t, c, s)
	if view := Summary(c.Row("r")); view.Status != replay.ShownAsking || view.Asked == nil {
		t.Errorf("%+v", view)
	}
	c.Must(s.Reconcile(t.Context()))
	_, err := s.Resume(t.Context(), "r")
	c.Must(err)
	if len(executions.tokens) > 0 {
		t.Fatalf("released without an approval: %v", executions.tokens)
	}
	executions.err = errors.New("no answer")
	if _, _, err := s.Approve(t.Context(), cutover.Choice{Generation: generation}); err == nil {
		t.Error("the error is lost")
	}
	executions.err = nil
	c.Must(s.Reconcile(t.Context()))
	row, asked, err := s.Approve(t.Context(), cutover.Choice{Generation: generation, AcceptParked: true})
	c.Must(err)
	if !asked || row.ID != "r" || !slices.Equal(executions.tokens, []string{"token"}) {
		t.Errorf("%t, %v", asked, executions.tokens)
	}
	if row := c.Row("r"); row.Approval == nil || row.Approval.AcceptParked || len(row.Tokens) > 0 {
		t.Errorf("the first answer counts: %+v, tokens %v", row.Approval, row.Tokens)
	}
	c.Must(s.Park(t.Context(), "r", "late")) // a retry of the step that waited
	if !slices.Contains(executions.tokens, "late") {
		t.Error("an execution that comes late waits for ever")
	}
}

func unasked(r *replay.Row) { r.Asked = nil }
func another(r *replay.Row) { r.Generation = "x" }

// What asks nothing is not approved, and what cannot become active is refused.
func TestOnlyWhatAsksIsApproved(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(c closing, generation string)
		choice cutover.Choice
		asked  bool
		want   error
	}{
		"it asks":                  {asked: true},
		"it has not asked yet":     {before: func(c closing, _ string) { c.Change("r", unasked) }},
		"another generation":       {choice: cutover.Choice{Generation: "g0009"}},
		"another one is active":    {choice: cutover.Choice{Instead: "g0009"}, want: datastore.ErrNotActive},
		"the replay has a new one": {before: func(c closing, _ string) { c.Change("r", another) }},
		"it is lost": {before: func(c closing, generation string) {
			_, err := c.Registry.Lose(context.Background(), generation, datastore.Loss{Why: "test"})
			c.Must(err)
		}, want: datastore.ErrLost},
		"it was cancelled": {before: func(c closing, generation string) {
			_, err := c.Registry.Withdraw(context.Background(), generation, "r", "CANCELLED", 0)
			c.Must(err)
		}, want: datastore.ErrWithdrawn},
	} {
		c := newClosing(t)
		executions := &releasing{started: started{"r": true}}
		s := &Service{Store: c.Store, Executions: executions, Closer: c.closer()}
		generation := asking(t, c, s)
		if tt.before != nil {
			tt.before(c, generation)
		}
		if tt.choice.Generation == "" {
			tt.choice.Generation = generation
		}
		_, asked, err := s.Approve(t.Context(), tt.choice)
		if asked != tt.asked || !errors.Is(err, tt.want) || (len(executions.tokens) > 0) != tt.asked {
			t.Errorf("%s: %t, %v, released %v", name, asked, err, executions.tokens)
		}
	}
}

// While a replay that asks is paused, an approval is kept until it is resumed.
func TestAnApprovalOfAPausedReplayWaits(t *testing.T) {
	c := newClosing(t)
	executions := &releasing{started: started{"r": true}}
	s := &Service{Store: c.Store, Executions: executions, Closer: c.closer()}
	generation := asking(t, c, s)
	_, err := s.Pause(t.Context(), "r")
	c.Must(err)
	_, asked, err := s.Approve(t.Context(), cutover.Choice{Generation: generation})
	c.Must(err)
	c.Must(s.Reconcile(t.Context()))
	if !asked || len(executions.tokens) > 0 {
		t.Errorf("%t, released %v", asked, executions.tokens)
	}
	_, err = s.Resume(t.Context(), "r")
	c.Must(err)
	if !slices.Equal(executions.tokens, []string{"token"}) {
		t.Errorf("released %v", executions.tokens)
	}
}
