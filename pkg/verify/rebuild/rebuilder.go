package rebuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/replay/budget"
	"reprise/pkg/verify"
)

var (
	// ErrCancelled says that somebody cancelled the replay of a verification.
	ErrCancelled = errors.New("the replay of the verification was cancelled")
	// ErrBudget says that the replay has used up the budget of the verification.
	ErrBudget = errors.New("the budget of the verification is used up")
	// ErrGenerationGone says that the generation to compare with was dropped, or has lost its
	// consumer, while the replay ran.
	ErrGenerationGone = errors.New("the generation to verify is gone: it was dropped while the rebuild ran")
)

// Failed is the error name of a verification whose replay has failed.
const Failed = "Reprise.RebuildFailed"

// Replays starts and ends replays; *lifecycle.Service does.
type Replays interface {
	// Start creates a replay and starts its execution, or completes what an earlier call
	// began.
	Start(ctx context.Context, name string, request replay.Request) (row replay.Row, created bool, err error)
	// ReleaseThrowaway ends the replay of a verification and takes its generation out of use.
	ReleaseThrowaway(ctx context.Context, verification string) error
}

// Rebuilder takes verifications of depth Rebuild to where their lanes can be verified. It is
// safe for concurrent use.
type Rebuilder struct {
	Store   verify.Store
	Planner *verify.Planner
	Replays Replays
	Rows    replay.Store
	// Ledger knows what the replay has used.
	Ledger      budget.Ledger
	Generations datastore.Generations
	Lanes       int
}

const (
	// patienceShare is the part of the time since the rebuild began after which to look again:
	// its end is noticed late by that part at most.
	patienceShare = 16
	// shortest and longest bound the time between two looks.
	shortest, longest = time.Second, time.Hour
	// followPatience is how long after the cut the throwaway may take to reach it before its
	// lanes are begun, which wait as long as it comes nearer; on AWS its consumer begins within
	// about a minute.
	followPatience = time.Hour
)

// Step takes a verification as far as it comes without waiting. wait is the time after which
// to call Step again, 0 if the lanes can be verified, or if the verification was stopped.
// After an error it may be called again. It returns ErrCancelled, ErrBudget,
// ErrGenerationGone, verify.ErrReplayExists, and the errors of verify.Planner.Plan.
func (r *Rebuilder) Step(ctx context.Context, id string) (row verify.Row, wait time.Duration, err error) {
	row, err = r.Planner.Choose(ctx, id)
	if errors.Is(err, verify.ErrUnknownGeneration) {
		err = r.gone(ctx, id, err)
	}
	switch {
	case err != nil:
		return row, 0, err
	case row.Stopped():
		return row, 0, nil
	case row.Throwaway == nil || row.Throwaway.Ended == nil:
		if row, err = r.look(ctx, &row); err != nil || row.Stopped() {
			return row, 0, err
		}
	}
	if row.Throwaway.Ended == nil {
		return row, r.pause(row.Throwaway.Begun), nil
	}
	planned, err := r.Planner.Plan(ctx, id)
	switch {
	case errors.Is(err, verify.ErrBusy): // a night: it ends soon
		return row, r.pause(*row.Throwaway.Ended), nil
	case err != nil:
		return row, 0, err
	case planned.Stopped():
		return planned, 0, nil
	}
	follows, err := r.follows(ctx, &planned)
	if err != nil || follows {
		return planned, 0, err
	}
	return planned, r.pause(*planned.Cut), nil
}

// gone tells a generation that was dropped meanwhile from one that never was.
func (r *Rebuilder) gone(ctx context.Context, id string, why error) error {
	row, err := r.Store.Load(ctx, id)
	if err == nil && row.Throwaway != nil {
		return errors.Join(ErrGenerationGone, why)
	}
	return why
}

func (r *Rebuilder) pause(since time.Time) time.Duration {
	return min(max(shortest, r.Store.Now().Sub(since)/patienceShare), longest)
}

// look starts the replay if it has none, and notes how it has ended.
func (r *Rebuilder) look(ctx context.Context, row *verify.Row) (verify.Row, error) {
	replayed, err := r.replay(ctx, row)
	if err != nil {
		return *row, err
	}
	if replayed.Status.Ended() {
		return r.ended(ctx, row, &replayed)
	}
	if replayed.Paused && replayed.PausedBy != nil && !row.Request.Budget.None() {
		return *row, fmt.Errorf("rebuild for verification %s: %w: %s", row.ID, ErrBudget, replayed.PausedBy.Cause)
	}
	return r.note(ctx, row.ID, func(t *verify.Throwaway) { t.Generation = replayed.Generation })
}

// replay is the replay of a verification, started if nobody has. What was asked for is
// noted first, so that whoever ends the verification finds the replay.
func (r *Rebuilder) replay(ctx context.Context, row *verify.Row) (replay.Row, error) {
	if row.Throwaway == nil {
		noted, err := r.note(ctx, row.ID, func(*verify.Throwaway) {})
		if err != nil || noted.Stopped() {
			return replay.Row{}, err
		}
	}
	replayed, err := r.Rows.Load(ctx, row.ID)
	switch {
	case errors.Is(err, replay.ErrNotFound) || err == nil && owns(&replayed, row.ID) && replayed.Started == nil:
		request := replay.Request{Rebuild: true, Verification: row.ID}
		if limit := row.Request.Budget; !limit.None() {
			request.Budget = &limit
		}
		replayed, _, err = r.Replays.Start(ctx, row.ID, request)
		if errors.Is(err, replay.ErrExists) {
			err = errors.Join(verify.ErrReplayExists, err)
		}
	case err == nil && !owns(&replayed, row.ID):
		err = verify.ErrReplayExists
	}
	if err != nil {
		return replay.Row{}, fmt.Errorf("rebuild for verification %s: %w", row.ID, err)
	}
	now, err := r.Store.Load(ctx, row.ID)
	if err == nil && now.Stopped() { // whoever stopped it may have looked before the replay was there
		err = r.Replays.ReleaseThrowaway(ctx, row.ID)
	}
	return replayed, err
}

func owns(replayed *replay.Row, id string) bool { return replayed.Request.Verification == id }

// note changes what a verification knows of its rebuild, and counts the look.
func (r *Rebuilder) note(ctx context.Context, id string, change func(*verify.Throwaway)) (verify.Row, error) {
	row, err := r.Store.Update(ctx, id, func(row *verify.Row) error {
		if row.Cancel {
			return control.Unchanged()
		}
		if row.Throwaway == nil {
			row.Throwaway, row.Status = &verify.Throwaway{Begun: r.Store.Now().UTC()}, verify.Rebuilding
		} else {
			row.Throwaway.Looks++
		}
		change(row.Throwaway)
		return nil
	})
	if errors.Is(err, verify.ErrEnded) {
		return r.Store.Load(ctx, id)
	}
	return row, err
}

// ended notes how the replay has ended. One that has failed says something of the log or of
// the way of replays; what the log folds to is verified all the same.
func (r *Rebuilder) ended(ctx context.Context, row *verify.Row, replayed *replay.Row) (verify.Row, error) {
	if replayed.Status == replay.Cancelled {
		return *row, fmt.Errorf("rebuild for verification %s: %w", row.ID, ErrCancelled)
	}
	used, err := r.Ledger.Used(ctx, row.ID)
	if err != nil {
		return *row, fmt.Errorf("rebuild for verification %s: %w", row.ID, err)
	}
	return r.note(ctx, row.ID, func(t *verify.Throwaway) {
		at := r.Store.Now().UTC()
		t.Ended, t.Used, t.Generation = &at, used, replayed.Generation
		if replayed.Status == replay.Failed {
			why := cmp.Or(replayed.Failure, &replay.Failure{Error: "unknown"})
			t.Failure = &verify.Failure{Error: Failed,
				Cause: fmt.Sprintf("replay %s failed: %s: %s", replayed.ID, why.Error, why.Cause)}
		}
	})
}

// follows reports whether the throwaway has reached the cut, or has had time enough to: then
// the lanes that have not are differences.
func (r *Rebuilder) follows(ctx context.Context, row *verify.Row) (bool, error) {
	t := row.Throwaway
	if t.Failure != nil || t.Generation == "" || r.Store.Now().Sub(*row.Cut) >= followPatience {
		return true, nil
	}
	marks, err := datastore.LiveMarks(ctx, r.Generations.Open(t.Generation), r.Lanes)
	if err != nil {
		if datastore.IsGone(err) {
			return true, nil // the lanes say so
		}
		return false, fmt.Errorf("look at the throwaway of verification %s: %w", row.ID, err)
	}
	cuts, err := r.Store.Cuts(ctx, row.ID, r.Lanes)
	for lane := range cuts {
		if marks[lane].Position < cuts[lane] {
			return false, err
		}
	}
	return err == nil, err
}

// Begins implements verify.Rebuilds.
func (r *Rebuilder) Begins(ctx context.Context, verification string) error {
	_, err := r.Rows.Load(ctx, verification)
	switch {
	case err == nil:
		return verify.ErrReplayExists
	case errors.Is(err, replay.ErrNotFound):
		return nil
	}
	return err
}

// Release implements verify.Rebuilds.
func (r *Rebuilder) Release(ctx context.Context, verification string) error {
	return r.Replays.ReleaseThrowaway(ctx, verification)
}
