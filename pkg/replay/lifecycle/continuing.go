package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event/strict"
	"reprise/pkg/replay"
)

// Continuation is the input of an execution that continues a failed replay.
type Continuation struct {
	Continue string `json:"continue"`
}

// ParseContinuation returns the replay that an execution of this input continues; ok is
// false for any other input.
func ParseContinuation(input []byte) (id string, ok bool) {
	var c struct {
		Continue *string `json:"continue"`
	}
	if strict.Unmarshal(input, &c) != nil || c.Continue == nil || replay.CheckID(*c.Continue) != nil {
		return "", false
	}
	return *c.Continue, true
}

// Continue lets a failed replay go on from its checkpoints, in a new execution, and also
// completes a call that crashed. It returns ErrNotFailed for a replay that has not
// failed, and ErrCannotContinue if it is too late, if continuing cannot mend the
// failure, or if the generation is gone.
func (s *Service) Continue(ctx context.Context, id string) (replay.Row, error) {
	row, err := s.Store.Load(ctx, id)
	if err != nil {
		return replay.Row{}, err
	}
	if row.Status.Ended() || row.Attempt() == 0 || row.Started != nil {
		if row, err = s.begin(ctx, row, ""); err != nil {
			return replay.Row{}, err
		}
	}
	if err := s.execute(ctx, row); err != nil {
		return replay.Row{}, err
	}
	return row, nil
}

// Adopt makes an execution the one that carries a failed replay out: one that Continue
// has started, or one that a person has started to continue the replay. It gives the
// replay the right to its generation back. It is idempotent.
func (s *Service) Adopt(ctx context.Context, id, execution string) (replay.Row, error) {
	row, err := s.Store.Load(ctx, id)
	if err == nil && (row.Status.Ended() || row.Execution() != execution) {
		row, err = s.begin(ctx, row, execution)
	}
	if err != nil {
		return replay.Row{}, err
	}
	if row.Generation != "" {
		if err := s.Closer.Registry.Reinstate(ctx, row.Generation, id, row.Attempt()); err != nil {
			return replay.Row{}, fmt.Errorf("continue replay %s: %w", id, err)
		}
	}
	return row, nil
}

// begin refuses a replay whose generation is gone before it changes anything.
func (s *Service) begin(ctx context.Context, row replay.Row, execution string) (replay.Row, error) {
	if row.Generation != "" && row.Status.Ended() {
		registered, err := s.Closer.Registry.Load(ctx)
		if err != nil {
			return replay.Row{}, err
		}
		info, found := registered.Find(row.Generation)
		kept := found && info.Replay == row.ID && info.Status != datastore.Retired
		gone := !kept && !registered.IsReserved(row.Generation)
		if row.Continuable(s.Store.Now()) == nil && (gone || found && info.Loss != nil) {
			return replay.Row{}, fmt.Errorf("continue replay %s: %w",
				row.ID, errors.Join(replay.ErrCannotContinue, errGone))
		}
	}
	return s.Store.Continue(ctx, row.ID, execution)
}

var errGone = errors.New("its generation is gone or lost")
