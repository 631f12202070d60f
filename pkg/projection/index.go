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
	// that is read to check a suspected duplicate.
	maxHistoryBuckets = 128
	// stepBuckets and stepIdentities bound what is entered into the index before
	// the progress is stored.
	stepBuckets    = 64
	stepIdentities = 4000
)

// errStepDone ends the reading of a history at the end of a step.
var errStepDone = errors.New("step is done")

// limits bound the entities whose duplicates are found by a filter and the log;
// larger entities are indexed. events is at most what a filter can take.
type limits struct {
	events  int64
	buckets int
	// again bounds a step of folding waiting events again.
	again int
	// refold bounds the events of an entity that is folded again.
	refold int
}

// exceeded reports whether an entity is indexed, or has to be with its fresh
// events. It depends on all events of the entity up to then, not on how they are
// cut into batches.
func (l limits) exceeded(w *work) bool {
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
	n := row.Count + row.Duplicates + row.Ignored + row.Skipped + row.Corrections
	if row.Parked != nil {
		n += 1 + row.Parked.Waiting
	}
	return n
}

// index enters the entity's events up to its row's position into the identity
// index, in steps, and stores its progress after each, so that a time-out loses
// one step. The progress of the last step may be stored with the row's next write.
// It reports false if another consumer wrote the row.
func (r *run) index(ctx context.Context, w *work) (current bool, err error) {
	row := &w.before
	if row.Indexed == row.Position {
		return true, nil
	}
	r.applier.cache.take(r.cacheKey(w), row.Position) // the index replaces it
	remaining := bucketsFrom(eventlog.ExpandBuckets(row.Buckets), row.IndexedBucket)
	for len(remaining) > 0 {
		if remaining, err = r.indexStep(ctx, row, remaining); err != nil {
			return false, err
		}
		if len(remaining) == 0 {
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

func bucketsFrom(buckets []eventlog.Bucket, from eventlog.Bucket) []eventlog.Bucket {
	at, _ := slices.BinarySearch(buckets, from)
	return buckets[at:]
}

// indexStep enters the next events of buckets, moves the row's progress past
// them, and returns the buckets that remain.
func (r *run) indexStep(ctx context.Context, row *datastore.Row, buckets []eventlog.Bucket) (
	remaining []eventlog.Bucket, err error,
) {
	part := buckets[:min(len(buckets), stepBuckets)]
	remaining = buckets[len(part):]
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
			remaining = bucketsFrom(buckets, b)
			return errStepDone
		}
		return nil
	}
	err = r.history(ctx, row.Entity, part, row.Indexed, row.Position, enter)
	if err != nil && !errors.Is(err, errStepDone) {
		return nil, err
	}
	if len(events) > 0 {
		if _, err := r.to.Generation.Identify(ctx, r.to.Lane, events); err != nil {
			return nil, fmt.Errorf("enter events of the past: %w", err)
		}
		row.Indexed = last
	}
	if len(remaining) > 0 {
		row.IndexedBucket = remaining[0]
	}
	return remaining, nil
}

// PlacedOf is an entry of a bucket of the log with its event.
func PlacedOf(b eventlog.Bucket, entry *eventlog.Entry) (Placed, error) {
	e, err := parseEntry(entry)
	return Placed{Event: e, Position: entry.Position, Bucket: b, Line: entry.Line}, err
}

func parseEntry(entry *eventlog.Entry) (event.Event, error) {
	e, err := event.Parse(string(entry.Line))
	if err != nil {
		return event.Event{}, fmt.Errorf("parse event at %s: %w", entry.Position, err)
	}
	return e, nil
}

func identityOf(entry *eventlog.Entry) (datastore.Identity, error) {
	past, err := parseEntry(entry)
	if err != nil {
		return datastore.Identity{}, err
	}
	return datastore.Identity{
		Entity:   entry.Entity,
		Key:      past.Identity(),
		Position: entry.Position,
		Content:  contentOf(entry.Line),
	}, nil
}

// identify enters all fresh events of works into the index in one call, and keeps
// what it returns.
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

// firsts returns the positions of the first events with the identities of events of
// an indexed entity. They are in the index since they were seen.
func (r *run) firsts(ctx context.Context, entity string, events []sighting) (map[event.Digest]event.Position, error) {
	positions := make(map[event.Digest]event.Position, len(events))
	var asked []datastore.Identity
	for _, s := range events {
		if _, again := positions[s.id]; !again {
			positions[s.id] = s.Position
			asked = append(asked, datastore.Identity{Entity: entity, Key: s.id, Position: s.Position, Content: s.content})
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	found, err := r.to.Generation.Identify(ctx, r.to.Lane, asked)
	if err != nil {
		return nil, fmt.Errorf("identify waiting events: %w", err)
	}
	for _, first := range found {
		positions[first.Key] = first.Position
	}
	return positions, nil
}
