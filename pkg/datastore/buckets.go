package datastore

import (
	"context"
	"fmt"
	"slices"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// BucketFinder finds the buckets in which an entity has events. The entity's row
// in the active generation narrows the search: without a row, or if the
// generation is lost, Find returns every bucket of the lane. It is safe for
// concurrent use.
type BucketFinder struct {
	Heads       eventlog.Heads
	Registry    Registry
	Generations Generations
}

// Find returns, in ascending order, every bucket in which the entity has events
// up to head, and possibly others.
func (f *BucketFinder) Find(
	ctx context.Context, lane event.Lane, entity string, head eventlog.Head,
) ([]eventlog.Bucket, error) {
	known, err := f.known(ctx, lane, entity)
	if err != nil {
		return nil, fmt.Errorf("find buckets of lane %s: %w", lane, err)
	}
	// Events that the row has not seen yet are in its last bucket or a later one,
	// since logged times never go back within a lane.
	from := eventlog.Bucket("")
	if len(known) > 0 {
		from = known[len(known)-1]
	}
	since, err := f.Heads.BucketsSince(ctx, lane, head, from)
	if err != nil {
		return nil, err
	}
	buckets := slices.Concat(known, since)
	slices.Sort(buckets)
	return slices.Compact(buckets), nil
}

// known returns the buckets that the entity's row lists, nil if there is no row.
// It reads the lane's live mark after the row. A lost mark never comes back, so
// if it still exists, the row was not written into a generation that had been
// emptied; such a row would list only the buckets seen since.
func (f *BucketFinder) known(ctx context.Context, lane event.Lane, entity string) ([]eventlog.Bucket, error) {
	registered, err := f.Registry.Load(ctx)
	if err != nil {
		return nil, err
	}
	info, found := registered.Find(registered.Active)
	if !found || info.Loss != nil {
		return nil, nil
	}
	generation := f.Generations.Open(info.ID)
	rows, err := generation.Rows(ctx, lane, []string{entity})
	if err == nil {
		_, _, err = generation.Mark(ctx, LiveMark, lane)
	}
	if IsGone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return eventlog.ExpandBuckets(rows[entity].Buckets), nil
}
