package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

const (
	// changedRows bounds the entities of a sweep, and changedPage the events of a page
	// that it reads.
	changedRows = 2000
	changedPage = 500
)

// changed is an entity with events in the buckets since the last cut.
type changed struct {
	entity string
	// fresh counts its events after the last cut and up to this one.
	fresh int64
	// sums are its events of these buckets up to this cut.
	sums map[eventlog.Bucket]*bucketSum
}

// sweep is the next entities of the lane's buckets since the last cut, in the order of
// their keys.
type sweep struct {
	lane *lane
	// after is the key of an entity, exclusive, "" for the start; stop is inclusive, ""
	// for the end. All of an entity's events lie between its key and its key with a '~'.
	after, stop string
	limit       int
	found       map[string]*changed
	// events and read count what was read of the log, and units what that took.
	events, read int64
	units        float64
}

func keyOf(entity string) string { return event.EscapeEntity(entity) + "#" }

// bucket adds the entities of a bucket.
func (w *sweep) bucket(ctx context.Context, b *bucket) error {
	begin, last, seen := "", "", 0
	if w.after != "" {
		begin = w.after + "~"
	}
	check := w.lane.check
	limit := eventlog.PageLimit{Entries: min(changedPage, w.limit), Bytes: check.PageBytes}
	for after := begin; ; {
		page, err := check.Log.Log.Read(ctx, w.lane.id, b.id, after, limit, b.fresh)
		if err != nil {
			return fmt.Errorf("read bucket %s: %w", b.id, err)
		}
		w.units += pageCost(&page, b.fresh)
		for i := range page.Entries {
			e := &page.Entries[i]
			key := keyOf(e.Entity)
			switch {
			case w.stop != "" && key > w.stop:
				w.trim()
				return nil
			case key != last && seen == w.limit:
				w.stop = last
				w.trim()
				return nil
			case key != last:
				seen, last = seen+1, key
			}
			w.take(b, key, e)
		}
		if after = page.Next; after == "" {
			w.trim()
			return nil
		}
	}
}

func (w *sweep) take(b *bucket, key string, e *eventlog.Entry) {
	if e.Position > w.lane.cut.Position || !b.roster.Has(e.Position) {
		return
	}
	w.events++
	w.read += int64(len(e.Line))
	c := w.found[key]
	if c == nil {
		c = &changed{entity: e.Entity, sums: make(map[eventlog.Bucket]*bucketSum)}
		w.found[key] = c
	}
	if c.sums[b.id] == nil {
		c.sums[b.id] = new(bucketSum)
	}
	c.sums[b.id].add(e)
	if e.Position > w.lane.since.Position {
		c.fresh++
	}
}

// trim forgets the entities that do not fit into the sweep: the next one finds them again.
func (w *sweep) trim() {
	if len(w.found) > w.limit {
		w.stop = slices.Sorted(maps.Keys(w.found))[w.limit-1]
	}
	if w.stop != "" {
		maps.DeleteFunc(w.found, func(key string, _ *changed) bool { return key > w.stop })
	}
}

// fresh are the keys of the entities with events since the last cut, ascending.
func (w *sweep) fresh() []string {
	var keys []string
	for key, c := range w.found {
		if c.fresh > 0 {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
