package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
)

// Closer ends replays and removes what they leave behind. It is safe for concurrent
// use.
type Closer struct {
	Store       replay.Store
	Registry    datastore.Registry
	Generations datastore.Generations
	Lanes       int
	// Verifies reports whether a verification goes on, and so needs the replay that it
	// owns; nil means that none does.
	Verifies func(ctx context.Context, verification string) (bool, error)
}

// Close is CloseExecution for whichever execution carries the replay out.
func (c *Closer) Close(ctx context.Context, id string, status replay.Status, why *replay.Failure) (replay.Row, error) {
	return c.CloseExecution(ctx, id, "", status, why)
}

// CloseExecution gives a replay its final status, however its execution ended, or returns
// ErrSuperseded if another execution carries the replay out. It drops the generation of
// a replay that did not succeed, unless that is complete or the replay may be
// continued, and after any rebuild the generations that are no longer needed. It also removes replays
// that ended more than 90 days ago, and whatever nobody owns. It is idempotent, and
// may be called for a replay that has ended.
//
// A replay that does not succeed loses the right to make its generation active
// before its row says so: no flip to it is possible after Close. A replay that made
// its generation active, and crashed before it recorded that, has succeeded.
func (c *Closer) CloseExecution(
	ctx context.Context, id, execution string, status replay.Status, why *replay.Failure,
) (replay.Row, error) {
	row, err := c.end(ctx, id, execution, status, why)
	if err != nil {
		return replay.Row{}, err
	}
	if row.Generation != "" && row.Status != replay.Succeeded && !row.Keeps(c.Store.Now()) {
		err = c.dropUnfinished(ctx, row.Generation)
	}
	switch {
	case err != nil:
	case row.Request.Verification != "": // it replaces nothing: the others stay as they are
		err = c.dropThrowaway(ctx, row.Generation, row.Request.Verification)
	case row.Request.Rebuild:
		err = errors.Join(c.Registry.Release(ctx, id), c.retireOld(ctx, row))
	}
	if err == nil {
		// What other replays left behind is no failure of this one. The next sweep
		// finds it again, and Reconcile reports what cannot be dropped.
		_ = c.Sweep(ctx)
		err = c.prune(ctx)
	}
	if err != nil {
		return row, fmt.Errorf("close replay %s: %w", id, err)
	}
	return row, nil
}

// maxChanges bounds how often a decision about a replay is repeated because its row
// changed in between.
const maxChanges = 16

var errChanged = errors.New("the replay changed meanwhile")

// end withdraws the right to flip, unless the replay succeeds, and ends the row if
// it has not changed in what the decision rested on. The execution "" is any.
func (c *Closer) end(
	ctx context.Context, id, execution string, status replay.Status, why *replay.Failure,
) (replay.Row, error) {
	for range maxChanges {
		row, err := c.Store.Load(ctx, id)
		if err == nil && execution != "" && row.Execution() != execution {
			err = fmt.Errorf("end replay %s: %w", id, replay.ErrSuperseded)
		}
		if err != nil || row.Status.Ended() {
			return row, err
		}
		final, promoted := status, row.Promoted
		if row.Generation != "" && (status != replay.Succeeded || row.Cancel) {
			if final, promoted, err = c.withdraw(ctx, row, status); err != nil {
				return replay.Row{}, err
			}
		}
		failure := row.Explained(why)
		if final != replay.Failed {
			failure = nil
		}
		ended, _, err := c.Store.End(ctx, id, final, failure, func(now *replay.Row) error {
			if now.Generation != row.Generation || now.Cancel != row.Cancel || now.Attempt() != row.Attempt() {
				return errChanged
			}
			now.Promoted = now.Promoted || promoted
			return nil
		})
		if !errors.Is(err, errChanged) {
			return ended, err
		}
	}
	return replay.Row{}, fmt.Errorf("close replay %s: %w", id, errChanged)
}

// withdraw removes a replay's right to flip and returns its final status: the one
// given by the first withdrawal, or Succeeded if the flip came first.
func (c *Closer) withdraw(
	ctx context.Context, row replay.Row, status replay.Status,
) (final replay.Status, promoted bool, err error) {
	why := status
	if row.Cancel {
		why = replay.Cancelled
	}
	kept, err := c.Registry.Withdraw(ctx, row.Generation, row.ID, string(why), row.Attempt())
	if errors.Is(err, datastore.ErrActive) {
		return replay.Succeeded, true, nil
	}
	return replay.Status(kept), false, err
}

// dropUnfinished drops a generation that never got its consumer. One that follows is
// kept, and an operator decides about it.
func (c *Closer) dropUnfinished(ctx context.Context, id string) error {
	discarded, err := c.Registry.Discard(ctx, id)
	if err != nil || !discarded {
		return err
	}
	return c.dropRetired(ctx, id)
}

// dropRetired drops a retired generation's table and then its entry, so that the table
// can be found again after a crash.
func (c *Closer) dropRetired(ctx context.Context, id string) error {
	if err := c.Generations.Drop(ctx, id); err != nil {
		return fmt.Errorf("drop generation %s: %w", id, err)
	}
	return c.Registry.Forget(ctx, id)
}

// retireOld drops retired and following generations, except this replay's own, those
// whose replays have not ended, and a rollback target.
func (c *Closer) retireOld(ctx context.Context, row replay.Row) error {
	registered, err := c.Registry.Load(ctx)
	if err != nil {
		return err
	}
	var retired, following []string
	for _, info := range registered.Generations {
		switch {
		case info.Status == datastore.Retired:
			retired = append(retired, info.ID)
		case info.Verification != "": // its verification drops it, and else the sweep
		case info.Status == datastore.Following && info.ID != row.Generation && !c.owned(ctx, info):
			following = append(following, info.ID)
		}
	}
	kept, err := c.rollbackTarget(ctx, &registered, following)
	if err != nil {
		return err
	}
	for _, id := range append(retired, following...) {
		if id == kept {
			continue
		}
		err := c.Registry.Retire(ctx, id)
		if errors.Is(err, datastore.ErrActive) {
			continue // somebody has chosen it meanwhile
		}
		if err != nil {
			return err
		}
		if err := c.dropRetired(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// rollbackTarget returns the generation that was active before, since readers know
// its state, or, if that is gone or lost, the newest one that follows.
func (c *Closer) rollbackTarget(
	ctx context.Context, registered *datastore.RegistryState, following []string,
) (string, error) {
	choices := slices.Clone(following)
	slices.Reverse(choices)
	if slices.Contains(following, registered.Previous) {
		choices = append([]string{registered.Previous}, choices...)
	}
	for _, id := range choices {
		if info, found := registered.Find(id); found && info.Loss != nil {
			continue
		}
		_, err := datastore.LiveMarks(ctx, c.Generations.Open(id), c.Lanes)
		if err == nil {
			return id, nil
		}
		if !datastore.IsGone(err) {
			return "", err
		}
	}
	return "", nil
}

// owned reports whether the generation's replay may still promote it. After an error it counts as owned.
func (c *Closer) owned(ctx context.Context, info datastore.Info) bool {
	if info.Replay == "" {
		return false
	}
	row, err := c.Store.Load(ctx, info.Replay)
	if errors.Is(err, replay.ErrNotFound) {
		return false
	}
	// A new replay of the same name has another generation.
	return err != nil || (row.Keeps(c.Store.Now()) && row.Generation == info.ID)
}
