package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/replay"
)

// startGrace is how long Reconcile leaves a new replay alone, since Step Functions may
// not show its execution yet.
const startGrace = 5 * time.Minute

// FaultExecutionGone is the failure of a replay whose execution no longer exists and
// did not close it: Step Functions removes executions 90 days after their end.
const FaultExecutionGone = "Reprise.ExecutionGone"

// FaultExecutionEnded is the failure of a replay whose execution ended without a reason.
const FaultExecutionEnded = "Reprise.ExecutionEnded"

// Reconcile starts the executions of replays that were created but never started, closes
// replays whose execution is gone, cancels replays and lets executions go on where whoever
// cancelled, resumed or approved did not get so far, gives running map runs the parallelism
// that was set meanwhile, and sweeps. A platform calls it at its start and on a schedule. A
// replay that was started is never started again. What fails for one replay keeps no other
// from being looked at.
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
	var errs []error
	for _, row := range open {
		errs = append(errs, s.reconcile(ctx, row))
	}
	return errors.Join(append(errs, s.Closer.Sweep(ctx))...)
}

func (s *Service) reconcile(ctx context.Context, row replay.Row) error {
	if cancelled, err := s.completeCancel(ctx, &row); cancelled || err != nil {
		return err
	}
	if tokens := row.Unreleased(); len(tokens) > 0 {
		if err := s.release(ctx, row, tokens); err != nil {
			return err
		}
	}
	state, err := s.Executions.State(ctx, row.Execution())
	switch {
	case err != nil:
		return fmt.Errorf("look for execution %s: %w", row.Execution(), err)
	case state == ExecutionRunning:
		return errors.Join(s.Store.Started(ctx, row.ID), s.spread(ctx, row))
	case state != ExecutionUnknown:
		// A step that was still running when the execution ended may have opened the row
		// since, so that the end of the execution closed nothing.
		return s.Ended(ctx, row.ID, row.Execution(), state, nil)
	case row.Started == nil && (row.Status == replay.Planned || row.Attempt() > 0):
		return s.execute(ctx, row)
	}
	since := row.Created
	if row.Started != nil {
		since = *row.Started
	}
	if s.Store.Now().Sub(since) < startGrace {
		return nil
	}
	_, err = s.Closer.CloseExecution(ctx, row.ID, row.Execution(), replay.Failed, &replay.Failure{
		Error: FaultExecutionGone,
		Cause: "the execution that carried the replay out is gone: continue the replay, or start it under another name",
	})
	if errors.Is(err, replay.ErrSuperseded) {
		return nil
	}
	return err
}

// completeCancel cancels a replay whose verification has ended, or whose generation may no
// longer become active since somebody who cancelled it got no further. It reports whether it
// did.
func (s *Service) completeCancel(ctx context.Context, row *replay.Row) (cancelled bool, err error) {
	unwanted, err := s.outlived(ctx, row)
	if err == nil && !unwanted {
		unwanted, err = s.halfCancelled(ctx, row)
	}
	if err != nil || !unwanted {
		return false, err
	}
	_, err = s.Cancel(ctx, row.ID)
	if errors.Is(err, replay.ErrEnded) {
		err = nil
	}
	return true, err
}

// halfCancelled reports whether a replay's right to flip was withdrawn by a Cancel that its
// row does not know of. An execution that waits for an approval would wait forever.
func (s *Service) halfCancelled(ctx context.Context, row *replay.Row) (bool, error) {
	if row.Generation == "" || row.Cancel {
		return false, nil
	}
	registered, err := s.Closer.Registry.Load(ctx)
	if err != nil {
		return false, err
	}
	info, found := registered.Find(row.Generation)
	return found && info.Replay == row.ID && info.Withdrawn == string(replay.Cancelled), nil
}

// outlived reports whether a replay belongs to a verification that has ended.
func (s *Service) outlived(ctx context.Context, row *replay.Row) (bool, error) {
	owner := row.Request.Verification
	if owner == "" {
		return false, nil
	}
	goesOn, err := s.Closer.goesOn(ctx, owner)
	return err == nil && !goesOn, err
}
