package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/replay"
)

const (
	// keepEnded is how long ended replays are kept: as long as Step Functions
	// keeps executions, so that a replay's id and its execution's name become
	// free at the same time.
	keepEnded = 90 * 24 * time.Hour
	// maxPruned bounds the replays that one call removes.
	maxPruned = 20
)

// errStop ends a listing early.
var errStop = errors.New("stop")

// prune removes up to maxPruned replays that ended long ago, with their plans,
// checkpoints, marks and costs. It is idempotent.
func (c *Closer) prune(ctx context.Context) error {
	var old []string
	before := c.Store.Now().Add(-keepEnded)
	err := c.Store.List(ctx, func(row replay.Row) error {
		if row.Ended != nil && row.Ended.Before(before) {
			old = append(old, row.ID)
		}
		if len(old) == maxPruned {
			return errStop
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return err
	}
	for _, id := range old {
		err := c.remove(ctx, id, before)
		if err != nil && !errors.Is(err, control.ErrConflict) && !errors.Is(err, control.ErrNotFound) {
			return fmt.Errorf("remove replay %s: %w", id, err)
		}
	}
	return nil
}

// remove deletes the documents of a replay that ended before a time. ErrConflict and
// ErrNotFound say that another process was first.
func (c *Closer) remove(ctx context.Context, id string, before time.Time) error {
	row, version, err := control.Load[replay.Row](ctx, c.Store.Table, replay.RowKey(id))
	if err != nil || row.Ended == nil || !row.Ended.Before(before) {
		return err
	}
	return control.Remove(ctx, c.Store.Table, replay.RowKey(id), version, replay.Partition(id))
}
