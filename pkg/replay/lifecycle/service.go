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
	// Start starts an execution of that name; one that exists already with
	// the same input counts as started.
	Start(ctx context.Context, name string, input []byte) error
	// Exists reports whether there is or was an execution of that name.
	Exists(ctx context.Context, name string) (bool, error)
	// Stop aborts an execution; one that has ended is left alone.
	Stop(ctx context.Context, name, errorName, cause string) error
}

// Service starts and cancels replays for people. It is safe for concurrent
// use.
type Service struct {
	Store      replay.Store
	Executions Executions
	Closer     *Closer
	// Random names replays that nobody named.
	Random io.Reader
}

// Start enters a replay and starts its execution. The same name with the same
// request is the same replay, running or ended, and created is false then;
// with another request it is ErrExists. A name of "" is chosen.
func (s *Service) Start(ctx context.Context, name string, request replay.Request) (row replay.Row, created bool, err error) {
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
	// A row without an execution is what a crash between the two leaves: the
	// same request, asked again, goes on here.
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

// startGrace is how long Reconcile leaves a replay alone: an execution that was started a moment ago
// may not be shown yet.
const startGrace = 5 * time.Minute

// FaultExecutionGone is the failure of a replay whose execution is gone without
// a word: Step Functions forgets executions 90 days after their end.
const FaultExecutionGone = "Reprise.ExecutionGone"

// Reconcile starts the executions of replays that were entered but never
// started, closes those whose execution is gone, and sweeps. A platform calls it
// when it starts, and on its schedule. A replay that was started once is never
// started again.
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
	_, err = s.Closer.Close(ctx, row.ID, replay.Failed, &replay.Failure{Error: FaultExecutionGone,
		Cause: "the execution that carried the replay out is gone: start it again under another name"})
	return err
}

// Cancel stops a replay for good. Its readers stop at their next page, and
// what it created is dropped. After its end it is ErrEnded, and ErrPromoted
// once its generation was made active. After an error it may be called again;
// without that, too, the replay comes to its end and its generation never
// becomes active.
func (s *Service) Cancel(ctx context.Context, id string) (replay.Row, error) {
	if err := s.withdraw(ctx, id); err != nil {
		return replay.Row{}, err
	}
	if err := s.Executions.Stop(ctx, id, "Reprise.Cancelled", "cancelled by a person"); err != nil {
		return replay.Row{}, fmt.Errorf("stop execution %s: %w", id, err)
	}
	return s.Closer.Close(ctx, id, replay.Cancelled, nil)
}

// withdraw takes the right to flip from a replay, in the document that a flip
// compares and swaps, and then sets the desired state in its row, on condition
// that the row names no other generation by then.
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

// Ended closes the replay of an execution that has ended, whichever way: a
// stop in the console, a time-out, or a failure before its own last step.
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
