package lifecycle

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
)

// Executions starts and stops executions of the replay state machine.
type Executions interface {
	// Start starts an execution. One that exists already with the same name and
	// input counts as started.
	Start(ctx context.Context, name string, input []byte) error
	// Exists reports whether there is an execution of that name, running or ended.
	Exists(ctx context.Context, name string) (bool, error)
	// Stop aborts an execution, unless it has ended.
	Stop(ctx context.Context, name, errorName, cause string) error
}

// Service starts and cancels replays on request. It is safe for concurrent use.
type Service struct {
	Store      replay.Store
	Executions Executions
	Closer     *Closer
	// Random is the source of names for replays without one.
	Random io.Reader
}

// Start creates a replay and starts its execution. If a replay of that name exists,
// running or ended, Start returns it with created false if the request is the same,
// else ErrExists. For the name "" it chooses one.
func (s *Service) Start(
	ctx context.Context, name string, request replay.Request,
) (row replay.Row, created bool, err error) {
	if name == "" {
		if name, err = s.chooseName(); err != nil {
			return replay.Row{}, false, err
		}
	}
	row, created, err = s.Store.Create(ctx, name, request)
	if err != nil {
		return replay.Row{}, false, err
	}
	if row.Status != replay.Planned || row.Started != nil || row.Cancel {
		return row, created, nil
	}
	// After a crash between creating the row and starting the execution, the
	// same request continues here.
	if err := s.execute(ctx, row); err != nil {
		return replay.Row{}, false, err
	}
	return row, created, nil
}

func (s *Service) chooseName() (string, error) {
	var random [4]byte
	if _, err := io.ReadFull(s.Random, random[:]); err != nil {
		return "", fmt.Errorf("choose replay name: %w", err)
	}
	return s.Store.Now().UTC().Format("20060102-150405-") + hex.EncodeToString(random[:]), nil
}

func (s *Service) execute(ctx context.Context, row replay.Row) error {
	input, err := json.Marshal(row.Request)
	if err != nil {
		return fmt.Errorf("encode request of replay %s: %w", row.ID, err)
	}
	if err := s.Executions.Start(ctx, row.ID, input); err != nil {
		return fmt.Errorf("start execution %s: %w", row.ID, err)
	}
	return s.Store.Started(ctx, row.ID)
}

// startGrace is how long Reconcile leaves a new replay alone, since Step Functions may
// not show its execution yet.
const startGrace = 5 * time.Minute

// FaultExecutionGone is the failure of a replay whose execution no longer exists and
// did not close it: Step Functions removes executions 90 days after their end.
const FaultExecutionGone = "Reprise.ExecutionGone"

// Reconcile starts the executions of replays that were created but never started,
// closes replays whose execution is gone, and sweeps. A platform calls it at its start
// and on a schedule. A replay that was started is never started again.
func (s *Service) Reconcile(ctx context.Context) error {
	var open []replay.Row
	err := s.Store.List(ctx, func(row replay.Row) error {
		if !row.Status.Ended() {
			open = append(open, row)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, row := range open {
		if err := s.reconcile(ctx, row); err != nil {
			return err
		}
	}
	return s.Closer.Sweep(ctx)
}

func (s *Service) reconcile(ctx context.Context, row replay.Row) error {
	exists, err := s.Executions.Exists(ctx, row.ID)
	switch {
	case err != nil:
		return fmt.Errorf("look for execution %s: %w", row.ID, err)
	case exists:
		return s.Store.Started(ctx, row.ID)
	case row.Started == nil && row.Status == replay.Planned:
		return s.execute(ctx, row)
	}
	since := row.Created
	if row.Started != nil {
		since = *row.Started
	}
	if s.Store.Now().Sub(since) < startGrace {
		return nil
	}
	_, err = s.Closer.Close(ctx, row.ID, replay.Failed, &replay.Failure{
		Error: FaultExecutionGone,
		Cause: "the execution that carried the replay out is gone: start it again under another name",
	})
	return err
}

// Cancel ends a replay. Its readers stop at their next page. Cancel drops nothing, so
// that who calls it for people needs no right to drop a table: the end of the execution
// closes the replay (Ended), which drops an unfinished generation, and otherwise
// Reconcile does. Cancel returns ErrEnded after the replay's end, and
// ErrPromoted once its generation was made active. After an error it may be called
// again; even if it is not, the replay ends, and once the right to flip is withdrawn
// its generation never becomes active.
func (s *Service) Cancel(ctx context.Context, id string) (replay.Row, error) {
	if err := s.withdraw(ctx, id); err != nil {
		return replay.Row{}, err
	}
	if err := s.Executions.Stop(ctx, id, "Reprise.Cancelled", "cancelled by a person"); err != nil {
		return replay.Row{}, fmt.Errorf("stop execution %s: %w", id, err)
	}
	row, err := s.Closer.end(ctx, id, replay.Cancelled, nil)
	if err != nil {
		return replay.Row{}, fmt.Errorf("cancel replay %s: %w", id, err)
	}
	return row, nil
}

// withdraw removes a replay's right to flip, in the document that a flip compares and
// swaps, and then sets the desired state in its row, on condition that the row still
// names the same generation.
func (s *Service) withdraw(ctx context.Context, id string) error {
	for range maxChanges {
		row, err := s.Store.Load(ctx, id)
		if err != nil {
			return err
		}
		if row.Status.Ended() {
			return fmt.Errorf("cancel replay %s: %w", id, replay.ErrEnded)
		}
		if row.Generation != "" {
			_, err := s.Closer.Registry.Withdraw(ctx, row.Generation, id, string(replay.Cancelled))
			if errors.Is(err, datastore.ErrActive) {
				return fmt.Errorf("cancel replay %s: %w", id, replay.ErrPromoted)
			}
			if err != nil {
				return err
			}
		}
		_, err = s.Store.Update(ctx, id, func(r *replay.Row) error {
			if r.Generation != row.Generation {
				return errChanged
			}
			r.Cancel = true
			return nil
		})
		if !errors.Is(err, errChanged) {
			return err
		}
	}
	return fmt.Errorf("cancel replay %s: %w", id, errChanged)
}

// ExecutionStatus is how an execution ended, in Step Functions' words.
type ExecutionStatus string

// Ended closes the replay of an execution that has ended in any way: stopped in the
// console, timed out, or failed before its last step.
func (s *Service) Ended(ctx context.Context, id string, status ExecutionStatus, failure *replay.Failure) error {
	final := replay.Failed
	switch status {
	case "SUCCEEDED":
		final = replay.Succeeded
	case "ABORTED":
		final = replay.Cancelled
	}
	_, err := s.Closer.Close(ctx, id, final, failure)
	if errors.Is(err, replay.ErrNotFound) {
		return nil
	}
	return err
}
