package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

const (
	// maxHistoryBuckets bounds the buckets, and so the queries, of a history
	// that is read to decide about a suspected duplicate.
	maxHistoryBuckets = 128
	// stepBuckets and stepIdentities bound what is entered into the index
	// between two writes of how far that came: whole pages of a history.
	stepBuckets    = 64
	stepIdentities = 4000
)

// errEnough ends a history at a step's end.
var errEnough = errors.New("enough was read")

// limits are those of entities whose duplicates a filter and the log decide.
// Larger ones are indexed.
type limits struct {
	// events is at most what a filter takes.
	events  int64
	buckets int
}

// passed reports whether an entity is indexed, or is to be with what is fresh.
// It depends on what the entity has by then and not on how that is cut into
// batches.
func (l limits) passed(w *work) bool {
	if w.before.Indexed != "" || seenBy(&w.before)+int64(len(w.fresh)) > l.events {
		return true
	}
	buckets := w.before.Buckets
	for _, s := range w.fresh {
		buckets = eventlog.AddBucket(buckets, s.Bucket)
	}
	return len(buckets) > l.buckets // so few events cannot have become a span
}

// seenBy is the number of the entity's events up to the row's position.
func seenBy(row *datastore.Row) int64 {
	n := row.Count + row.Duplicates + row.Ignored
	if row.Parked != nil {
		n += 1 + row.Parked.Waiting
	}
	return n
}

// index enters the entity's events up to its row's position into the identity
// index, in steps, and writes after each how far it came, so that a time-out
// loses one step. The last one may be left to the write of the row itself. It
// reports false where another consumer wrote the row.
func (r *run) index(ctx context.Context, w *work) (current bool, err error) {
	row := &w.before
	if row.Indexed == row.Position {
		return true, nil
	}
	r.applier.cache.take(r.cacheKey(w), row.Position) // it is of no use from now on
	left := eventlog.ExpandBuckets(row.Buckets)
	left = left[firstFrom(left, row.IndexedBucket):]
	for len(left) > 0 {
		if left, err = r.indexStep(ctx, row, left); err != nil {
			return false, err
		}
		if len(left) == 0 {
			row.Indexed, row.IndexedBucket, row.Filter = row.Position, "", nil
			if r.queries < chunkQueries {
				return true, nil
			}
		}
		conflicts, err := r.to.Generation.WriteRows(ctx, r.to.Lane, []datastore.RowWrite{{Row: *row, Previous: row.Position}})
		if err != nil || len(conflicts) > 0 {
			return false, err
		}
	}
	return true, nil
}

func firstFrom(buckets []eventlog.Bucket, from eventlog.Bucket) int {
	at, _ := slices.BinarySearch(buckets, from)
	return at
}

// indexStep enters the next events of buckets, moves the row's place behind
// them, and returns the buckets that are left.
func (r *run) indexStep(ctx context.Context, row *datastore.Row, buckets []eventlog.Bucket) (
	left []eventlog.Bucket, err error,
) {
	part := buckets[:min(len(buckets), stepBuckets)]
	left = buckets[len(part):]
	var events []datastore.Identity
	var last event.Position
	known := make(map[event.Digest]bool)
	read := 0
	enter := func(b eventlog.Bucket, entry *eventlog.Entry) error {
		e, err := identityOf(entry)
		if err != nil {
			return err
		}
		if !known[e.Key] {
			known[e.Key] = true
			events = append(events, e)
		}
		last = entry.Position
		if read++; read == stepIdentities {
			left = buckets[firstFrom(buckets, b):]
			return errEnough
		}
		return nil
	}
	err = r.history(ctx, row.Entity, part, row.Indexed, row.Position, enter)
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if len(events) > 0 {
		if _, err := r.to.Generation.Identify(ctx, r.to.Lane, events); err != nil {
			return nil, fmt.Errorf("enter events of the past: %w", err)
		}
		row.Indexed = last
	}
	if len(left) > 0 {
		row.IndexedBucket = left[0]
	}
	return left, nil
}

func identityOf(entry *eventlog.Entry) (datastore.Identity, error) {
	past, err := event.Parse(string(entry.Line))
	if err != nil {
		return datastore.Identity{}, fmt.Errorf("parse event at %s: %w", entry.Position, err)
	}
	return datastore.Identity{Entity: entry.Entity, Key: past.Identity(), Position: entry.Position,
		Content: contentOf(entry.Line)}, nil
}

// identify asks the index about all fresh events of works at once.
func (r *run) identify(ctx context.Context, works []*work) error {
	var events []datastore.Identity
	var owners []*work
	for _, w := range works {
		w.first = make(map[event.Digest]datastore.Identity, len(w.fresh))
		for _, s := range w.fresh {
			if _, again := w.first[s.id]; again {
				continue
			}
			e := datastore.Identity{Entity: w.entity, Key: s.id, Position: s.Position, Content: s.content}
			w.first[s.id] = e
			events, owners = append(events, e), append(owners, w)
		}
	}
	if len(events) == 0 {
		return nil
	}
	first, err := r.to.Generation.Identify(ctx, r.to.Lane, events)
	if err != nil {
		return err
	}
	for i, e := range first {
		owners[i].first[e.Key] = e
	}
	return nil
}
