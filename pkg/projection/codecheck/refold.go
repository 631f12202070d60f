package codecheck

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
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
	var into scratch
	if _, err := r.applier.Apply(ctx, projection.Target{Generation: &into, Lane: lane}, events); err != nil {
		return nil, err
	}
	return into.row, nil
}

// scratch is a generation in memory with the row of one entity. It has no marks, and
// no identity index: no small entity needs one.
type scratch struct{ row *datastore.Row }

func (s *scratch) Rows(context.Context, event.Lane, []string) (map[string]datastore.Row, error) {
	if s.row == nil {
		return nil, nil
	}
	return map[string]datastore.Row{s.row.Entity: *s.row}, nil
}

func (s *scratch) WriteRows(_ context.Context, _ event.Lane, writes []datastore.RowWrite) ([]string, error) {
	for i := range writes {
		s.row = &writes[i].Row
	}
	return nil, nil
}

var errScratch = errors.New("a generation in memory has rows only")

func (s *scratch) Scan(context.Context, event.Lane, string, int) ([]datastore.Row, error) {
	return nil, errScratch
}

func (s *scratch) Parked(context.Context, event.Lane, string, int) ([]datastore.Row, error) {
	return nil, errScratch
}

func (s *scratch) Identify(context.Context, event.Lane, []datastore.Identity) ([]datastore.Identity, error) {
	return nil, errScratch
}

func (s *scratch) Mark(context.Context, datastore.MarkName, event.Lane) (datastore.Mark, datastore.MarkVersion, error) {
	return datastore.Mark{}, "", errScratch
}

func (s *scratch) SetMark(
	context.Context, datastore.MarkName, event.Lane, datastore.Mark, datastore.MarkVersion,
) (datastore.MarkVersion, error) {
	return "", errScratch
}
