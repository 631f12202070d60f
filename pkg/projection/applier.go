package projection

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

const (
	// cachedIdentities bounds what an Applier keeps in memory between batches,
	// about 64 MB.
	cachedIdentities = 1_000_000
	// maxRaces bounds how often one batch is folded anew because another
	// consumer wrote one of its rows.
	maxRaces = 8
)

// ErrRaced says that another consumer kept writing the same rows. A retry
// helps once it is gone.
var ErrRaced = errors.New("another consumer writes the same rows")

// Applier folds events into the rows of generations. It is safe for concurrent
// use.
type Applier struct {
	set   *Set
	log   eventlog.Log
	cache *identityCache
}

// NewApplier returns an Applier of a set of projections, which reads the
// histories of suspected duplicates from log.
func NewApplier(set *Set, log eventlog.Log) *Applier {
	return &Applier{set: set, log: log, cache: newIdentityCache(cachedIdentities)}
}

// Version names the set of projections.
func (a *Applier) Version() string { return a.set.Version() }

// Target is a lane of a generation that events are folded into.
type Target struct {
	// ID is the generation's.
	ID         string
	Generation datastore.Generation
	Lane       event.Lane
	// Replay is noted in the rows as their builder, "" for the live path.
	Replay string
}

// Tally counts what one Apply changed.
type Tally struct {
	Applied, Duplicates, Conflicts, Ignored int64
	// Parked counts entities that this batch parked.
	Parked int64
}

func (t *Tally) add(before, after *datastore.Row) {
	t.Applied += after.Count - before.Count
	t.Duplicates += after.Duplicates - before.Duplicates
	t.Conflicts += after.Conflicts - before.Conflicts
	t.Ignored += after.Ignored - before.Ignored
	if before.Parked == nil && after.Parked != nil {
		t.Parked++
	}
}

// Apply folds events of one lane, in position order per entity, into rows:
// each entity's in memory, then one conditional write. Events at or before a
// row's position are skipped. All of them must be in the log.
func (a *Applier) Apply(ctx context.Context, to Target, events []Placed) (Tally, error) {
	var tally Tally
	for len(events) > 0 {
		n := min(len(events), datastore.MaxBatch)
		for race := 0; ; race++ {
			var part Tally
			var conflicts int
			// attempt holds no lock while it folds, since it may be left behind there.
			err := a.set.attempt(ctx, func(ctx context.Context) (err error) {
				part, conflicts, err = a.attempt(ctx, to, events[:n])
				return err
			})
			if err != nil {
				return tally, err
			}
			tally.Applied += part.Applied
			tally.Duplicates += part.Duplicates
			tally.Conflicts += part.Conflicts
			tally.Ignored += part.Ignored
			tally.Parked += part.Parked
			if conflicts == 0 {
				break
			}
			if race == maxRaces {
				return tally, fmt.Errorf("write rows of lane %s: %w", to.Lane, ErrRaced)
			}
		}
		events = events[n:]
	}
	return tally, nil
}

// work is one entity's part of a batch.
type work struct {
	events        []*Placed
	before, after datastore.Row
	exact         *identities
}

func (a *Applier) attempt(ctx context.Context, to Target, events []Placed) (Tally, int, error) {
	order, byEntity := group(events)
	rows, err := to.Generation.Rows(ctx, to.Lane, order)
	if err != nil {
		return Tally{}, 0, fmt.Errorf("read rows of lane %s: %w", to.Lane, err)
	}
	writes := make([]datastore.RowWrite, 0, len(order))
	for _, entity := range order {
		w := byEntity[entity]
		w.before = rows[entity]
		w.before.Entity = entity
		if err := a.fold(ctx, to, w); err != nil {
			return Tally{}, 0, fmt.Errorf("fold events of lane %s: %w", to.Lane, err)
		}
		if w.after.Position != w.before.Position {
			writes = append(writes, datastore.RowWrite{Row: w.after, Previous: w.before.Position})
		}
	}
	return a.write(ctx, to, writes, byEntity)
}

func group(events []Placed) ([]string, map[string]*work) {
	var order []string
	byEntity := make(map[string]*work)
	for i := range events {
		entity := events[i].Event.Subject
		w, found := byEntity[entity]
		if !found {
			w = &work{}
			byEntity[entity] = w
			order = append(order, entity)
		}
		w.events = append(w.events, &events[i])
	}
	return order, byEntity
}

func (a *Applier) fold(ctx context.Context, to Target, w *work) error {
	var exact *identities
	if w.before.Position != "" {
		exact = a.cache.take(to.ID+"#"+w.before.Entity, w.before.Position)
	}
	read := func(ctx context.Context, entity string, buckets []eventlog.Bucket, upTo event.Position,
		visit func(eventlog.Bucket, *eventlog.Entry) error,
	) error {
		return eventlog.History(ctx, a.log, to.Lane, entity, buckets, upTo, visit)
	}
	after, exact, err := foldRow(ctx, a.set.watchedIn(ctx), w.before, exact, w.events, read)
	if err != nil {
		return err
	}
	if to.Replay != "" {
		after.Replay = to.Replay
	}
	w.after, w.exact = after, exact
	return nil
}

func (a *Applier) write(ctx context.Context, to Target, writes []datastore.RowWrite, byEntity map[string]*work,
) (Tally, int, error) {
	var tally Tally
	if len(writes) == 0 {
		return tally, 0, nil
	}
	conflicts, err := to.Generation.WriteRows(ctx, to.Lane, writes)
	if err != nil {
		return tally, 0, fmt.Errorf("write rows of lane %s: %w", to.Lane, err)
	}
	for _, entity := range conflicts {
		delete(byEntity, entity)
	}
	for entity, w := range byEntity {
		tally.add(&w.before, &w.after)
		if w.exact != nil {
			a.cache.put(to.ID+"#"+entity, w.exact)
		}
	}
	return tally, len(conflicts), nil
}
