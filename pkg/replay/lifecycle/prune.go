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
	// keeps executions, so that an id is free again when its name is.
	keepEnded = 90 * 24 * time.Hour
	// maxPruned bounds the replays that one call removes.
	maxPruned = 20
)

var errEnough = errors.New("enough")

// prune removes replays that ended long ago, with their plans, checkpoints,
// marks and costs, a few at a time. It is idempotent.
func (c *Closer) prune(ctx context.Context) error {
	var old []string
	before := c.Store.Now().Add(-keepEnded)
	err := c.Store.List(ctx, func(row replay.Row) error {
		if row.Ended != nil && row.Ended.Before(before) {
			old = append(old, row.ID)
		}
		if len(old) == maxPruned {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
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

// remove deletes the documents of a replay that ended before a time, its row
// last, so that a crash leaves nothing that cannot be found again. Somebody else
// may remove it at the same time, and a new replay take its name: documents are
// listed, then the row is found to be the old one still, and only what was listed
// is deleted, in the version that was listed. ErrConflict and ErrNotFound say that
// somebody else was first.
func (c *Closer) remove(ctx context.Context, id string, before time.Time) error {
	row, version, err := control.Load[replay.Row](ctx, c.Store.Table, replay.RowKey(id))
	if err != nil || row.Ended == nil || !row.Ended.Before(before) {
		return err
	}
	const page = 500
	for {
		docs, err := c.Store.Table.List(ctx, replay.Partition(id), "", page)
		if err != nil {
			return err
		}
		if now, err := c.Store.Table.Get(ctx, replay.RowKey(id)); err != nil || now.Version != version {
			return err
		}
		for _, doc := range docs {
			if err := c.Store.Table.Delete(ctx, doc.Key, doc.Version); err != nil && !errors.Is(err, control.ErrNotFound) {
				return err
			}
		}
		if len(docs) < page {
			return c.Store.Table.Delete(ctx, replay.RowKey(id), version)
		}
	}
}
