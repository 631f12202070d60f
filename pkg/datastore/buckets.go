package datastore

import (
	"context"
	"fmt"
	"slices"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// BucketFinder finds the buckets in which an entity has events. The row of the
// active generation only saves it reading: for an entity without one, or where
// the generation is lost, every bucket of its lane comes into question. It
// is safe for concurrent use.
type BucketFinder struct {
	Heads       eventlog.Heads
	Registry    Registry
	Generations Generations
}

// Find returns, ascending, buckets among which are all those in which the
// entity has events at positions up to head.
func (f *BucketFinder) Find(ctx context.Context, lane event.Lane, entity string, head eventlog.Head) ([]eventlog.Bucket, error) {
	known, err := f.known(ctx, lane, entity)
	if err != nil {
		return nil, fmt.Errorf("find buckets of lane %s: %w", lane, err)
	}
	// What the row has not seen yet lies in its last bucket or later, since
	// logged times never go back within a lane.
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

// known returns the buckets that the entity's row lists, nil where there is no
// row. The lane's live mark is looked at after the row: it never comes back once
// it is gone, so where it still is, the row was not written into a generation
// that had been emptied. Such a row names only what was folded in since.
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
