package codecheck

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/projection/refold"
)

// maxHistoryBytes bounds the events of an entity that are in memory.
const maxHistoryBytes = 4 << 20

// refolder folds the events of entities again, from the log and with the present code,
// into rows that nobody else sees.
type refolder struct {
	log     eventlog.View
	applier *projection.Applier
}

var errTooLarge = errors.New("history is too large")

// refold returns the row that the present code makes of the events up to a row's
// position, nil if they are too large or the log lacks them.
func (r *refolder) refold(ctx context.Context, lane event.Lane, old *datastore.Row) (*datastore.Row, error) {
	var events []projection.Placed
	size := 0
	take := func(b eventlog.Bucket, entry *eventlog.Entry) error {
		if size += len(entry.Line); size > maxHistoryBytes {
			return errTooLarge
		}
		placed, err := projection.PlacedOf(b, entry)
		events = append(events, placed)
		return err
	}
	err := r.log.History(ctx, lane, old.Entity, eventlog.ExpandBuckets(old.Buckets), "", old.Position, take)
	if errors.Is(err, errTooLarge) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read events of lane %s: %w", lane, err)
	}
	var into refold.Scratch
	if _, err := r.applier.Apply(ctx, projection.Target{Generation: &into, Lane: lane}, events); err != nil {
		return nil, err
	}
	return into.Row(old.Entity), nil
}
