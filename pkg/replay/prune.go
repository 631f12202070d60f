package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
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
func (s Store) prune(ctx context.Context) error {
	var old []string
	before := s.Now().Add(-keepEnded)
	err := control.Each(ctx, s.Table, rowsPartition, "", func(id string, row Row) error {
		if row.Ended != nil && row.Ended.Before(before) {
			old = append(old, id)
		}
		if len(old) == maxPruned {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("list ended replays: %w", err)
	}
	for _, id := range old {
		if err := s.remove(ctx, id); err != nil {
			return fmt.Errorf("remove replay %s: %w", id, err)
		}
	}
	return nil
}

// remove deletes a replay's documents, its row last, so that a crash leaves
// nothing that cannot be found again.
func (s Store) remove(ctx context.Context, id string) error {
	const page = 500
	for {
		docs, err := s.Table.List(ctx, partition(id), "", page)
		if err != nil {
			return err
		}
		for _, doc := range docs {
			if err := s.delete(ctx, doc); err != nil {
				return err
			}
		}
		if len(docs) < page {
			break
		}
	}
	row, err := s.Table.Get(ctx, rowKey(id))
	if errors.Is(err, control.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.delete(ctx, row)
}

func (s Store) delete(ctx context.Context, doc control.Document) error {
	if err := s.Table.Delete(ctx, doc.Key, doc.Version); err != nil && !errors.Is(err, control.ErrNotFound) {
		return err
	}
	return nil
}
