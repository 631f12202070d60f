package projection

import (
	"context"
	"fmt"
	"slices"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// The limits of what Apply does between two writes of rows, and so of what a
// time-out can lose.
const (
	// chunkRows bounds the rows read at a time: most of a batch's memory is their
	// states, of up to MaxStateBytes each.
	chunkRows = 256
	// chunkBytes bounds the rows that wait to be written.
	chunkBytes = 4 << 20
	// chunkQueries bounds the queries for histories, which take about a second
	// on DynamoDB.
	chunkQueries = 256
)

// run is one call of Apply.
type run struct {
	applier *Applier
	to      Target
	tally   Tally
	// pending are folded and not written yet; bytes is about their size, and
	// queries the number of queries since the last write.
	pending []*work
	bytes   int
	queries int
	// refolded is the work of folding entities again since the last write.
	refolded int
	// resumed is set if a work of the round is not done, and its progress is
	// stored.
	resumed bool
	// again is set if works have been folded before: their rows were not the latest
	// when they were written, or they are not done.
	again bool
}

// round folds works into their rows and writes them. It returns those to fold again:
// those whose row another consumer wrote in between, and those that are not done. It
// does so in an attempt, which is abandoned and repeated if a fold does not return,
// and holds no lock while it folds.
func (r *run) round(ctx context.Context, works []*work) (raced []*work, err error) {
	err = r.applier.set.attempt(ctx, func(ctx context.Context) error {
		r.pending, r.bytes, r.queries, r.refolded, r.resumed, raced = nil, 0, 0, 0, false, nil
		for chunk := range slices.Chunk(works, chunkRows) {
			lost, err := r.chunk(ctx, chunk)
			if err != nil {
				return err
			}
			raced = append(raced, lost...)
		}
		return nil
	})
	return raced, err
}

func (r *run) chunk(ctx context.Context, works []*work) (raced []*work, err error) {
	works, raced, err = r.read(ctx, works)
	if err != nil {
		return nil, err
	}
	for _, w := range works {
		if err := r.fold(ctx, w); err != nil {
			return nil, fmt.Errorf("fold events of lane %s: %w", r.to.Lane, err)
		}
		r.pending = append(r.pending, w)
		r.bytes += len(w.after.State) + len(w.after.Filter)
		if r.bytes < chunkBytes && r.queries < chunkQueries && r.refolded < chunkRefolded {
			continue
		}
		lost, err := r.write(ctx)
		if err != nil {
			return nil, err
		}
		raced = append(raced, lost...)
	}
	lost, err := r.write(ctx)
	return append(raced, lost...), err
}

// read reads the rows of works and returns the works that have fresh events, with
// what the index returned for them, and those whose row another consumer wrote.
func (r *run) read(ctx context.Context, works []*work) (fresh, raced []*work, err error) {
	entities := make([]string, len(works))
	for i, w := range works {
		entities[i] = w.entity
	}
	rows, err := r.rows(ctx, entities)
	if err != nil {
		return nil, nil, fmt.Errorf("read rows of lane %s: %w", r.to.Lane, err)
	}
	var indexed []*work
	for _, w := range works {
		w.begin(rows[w.entity])
		if len(w.fresh) == 0 {
			continue
		}
		if r.applier.limits.exceeded(w) {
			current, err := r.index(ctx, w)
			if err != nil {
				return nil, nil, fmt.Errorf("index events of lane %s: %w", r.to.Lane, err)
			}
			if !current {
				raced = append(raced, w)
				continue
			}
			indexed = append(indexed, w)
		}
		fresh = append(fresh, w)
	}
	if err := r.identify(ctx, indexed); err != nil {
		return nil, nil, fmt.Errorf("identify events of lane %s: %w", r.to.Lane, err)
	}
	return fresh, raced, nil
}

// rows reads rows, first at the lower price. A row that is not the latest has the same
// effect as another consumer that writes between a read and a write: the write is
// refused, and the events are folded into the latest row. Rows never go back, so events
// that an earlier row has are in the latest, too.
func (r *run) rows(ctx context.Context, entities []string) (map[string]datastore.Row, error) {
	if cheap, offers := r.to.Generation.(datastore.Glancer); offers && !r.again {
		return cheap.Glance(ctx, r.to.Lane, entities)
	}
	return r.to.Generation.Rows(ctx, r.to.Lane, entities)
}

func (r *run) fold(ctx context.Context, w *work) error {
	f := newFold(r.applier.set.watchedIn(ctx), &w.before)
	f.history, f.again.events, f.within = r.history, r.applier.limits.again, r.applier.limits.refold
	if r.to.Refolds {
		f.refolding.events = r.applier.limits.refold
	}
	var small *smallPast
	if w.first != nil {
		f.past, f.again.stops = indexedPast(w.first), true
		f.again.firsts = func(ctx context.Context, events []sighting) (map[event.Digest]event.Position, error) {
			return r.firsts(ctx, w.entity, events)
		}
	} else {
		small = &smallPast{row: &f.row, filter: slices.Clone(filter(w.before.Filter)), history: r.history}
		if w.before.Position != "" {
			small.exact = r.applier.cache.take(r.cacheKey(w), w.before.Position)
		}
		f.past, f.again.firsts = small, small.firsts
	}
	done, err := f.all(ctx, w.fresh)
	if err != nil {
		return err
	}
	w.unfinished, w.refolded, w.left = !done, f.refolding.done, f.refolding.left
	w.reversed = f.reversing.reversed
	r.refolded += f.refolding.work
	if small != nil {
		f.row.Filter, w.exact = small.filter, small.exact
	} else {
		f.row.Indexed = f.row.Position
	}
	f.row.Version = r.applier.set.Version()
	if r.to.Replay != "" {
		f.row.Replay = r.to.Replay
	}
	w.after = f.row
	return nil
}

func (r *run) cacheKey(w *work) string { return r.to.ID + "#" + w.entity }

// history reads an entity's events at positions after the first and up to the
// second one, in order.
type history func(ctx context.Context, entity string, buckets []eventlog.Bucket, after, upTo event.Position,
	visit func(eventlog.Bucket, *eventlog.Entry) error) error

func (r *run) history(ctx context.Context, entity string, buckets []eventlog.Bucket, after, upTo event.Position,
	visit func(eventlog.Bucket, *eventlog.Entry) error,
) error {
	r.queries += len(buckets)
	return r.applier.log.History(ctx, r.to.Lane, entity, buckets, after, upTo, visit)
}

// write writes the pending rows and returns the works whose row another consumer
// wrote, and those that are not done.
func (r *run) write(ctx context.Context) (raced []*work, err error) {
	if len(r.pending) == 0 {
		return nil, nil
	}
	writes := make([]datastore.RowWrite, len(r.pending))
	for i, w := range r.pending {
		writes[i] = datastore.RowWrite{Row: w.after, Previous: w.before.Position}
	}
	conflicts, err := r.to.Generation.WriteRows(ctx, r.to.Lane, writes)
	if err != nil {
		return nil, fmt.Errorf("write rows of lane %s: %w", r.to.Lane, err)
	}
	lost := make(map[string]bool, len(conflicts))
	for _, entity := range conflicts {
		lost[entity] = true
	}
	for _, w := range r.pending {
		if !lost[w.entity] {
			r.settle(w)
		}
		if lost[w.entity] || w.unfinished {
			raced = append(raced, w)
			r.resumed = r.resumed || !lost[w.entity]
		}
		w.release()
	}
	r.pending, r.bytes, r.queries, r.refolded = r.pending[:0], 0, 0, 0
	return raced, nil
}

// settle counts a written row and caches its identities.
func (r *run) settle(w *work) {
	r.tally.add(&w.before, &w.after)
	r.tally.Refolded += w.refolded
	r.tally.Left += w.left
	r.tally.Reversed += w.reversed
	if w.exact != nil {
		w.exact.upTo = w.after.Position
		r.applier.cache.put(r.cacheKey(w), w.exact)
	}
}

// release frees what a batch no longer needs once the row is written.
func (w *work) release() {
	w.before, w.after, w.first, w.exact = datastore.Row{}, datastore.Row{}, nil, nil
	w.fresh = nil
}
