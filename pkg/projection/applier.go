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
	// cachedIdentities bounds the identities that an Applier keeps in memory
	// between batches, about 64 MB.
	cachedIdentities = 1_000_000
	// maxRaces bounds how often a batch is folded again because another consumer
	// wrote one of its rows.
	maxRaces = 8
)

// ErrRaced says that another consumer kept writing the same rows. A retry helps
// once that consumer has stopped.
var ErrRaced = errors.New("another consumer writes the same rows")

// Histories reads an entity's events from the log; eventlog.View implements it.
type Histories interface {
	// History calls visit for an entity's events at positions after the first
	// and up to the second one, in order. buckets are those in which it has
	// events.
	History(ctx context.Context, lane event.Lane, entity string, buckets []eventlog.Bucket, after, upTo event.Position,
		visit func(eventlog.Bucket, *eventlog.Entry) error) error
}

// Applier folds events into the rows of generations. It is safe for concurrent
// use.
type Applier struct {
	set    *Set
	log    Histories
	limits limits
	cache  *identityCache
}

// Option changes how an Applier works.
type Option func(*Applier)

// IndexAbove lowers the numbers of events and buckets above which an entity is
// indexed, for tests with few events, or where the index is cheaper than the log. Rows
// that are indexed stay so.
func IndexAbove(events int64, buckets int) Option {
	return func(a *Applier) {
		a.limits.events, a.limits.buckets = min(events, maxFilterIDs), min(buckets, maxHistoryBuckets)
	}
}

// ResumeAfter lowers the number of waiting events of an indexed entity that are
// folded again before the progress is stored, for tests with few events.
func ResumeAfter(events int) Option {
	return func(a *Applier) { a.limits.again = min(events, stepAgain) }
}

// RefoldUpTo lowers the number of events up to which an entity is folded again, for tests
// with few events.
func RefoldUpTo(events int) Option {
	return func(a *Applier) { a.limits.refold = min(events, MaxRefoldEvents) }
}

// NewApplier returns an Applier of a set of projections, which reads the
// histories of suspected duplicates from log.
func NewApplier(set *Set, log Histories, options ...Option) *Applier {
	a := &Applier{
		set:    set,
		log:    log,
		limits: limits{maxFilterIDs, maxHistoryBuckets, stepAgain, MaxRefoldEvents},
		cache:  newIdentityCache(cachedIdentities),
	}
	for _, option := range options {
		option(a)
	}
	return a
}

// Version is the version of the set of projections.
func (a *Applier) Version() string { return a.set.Version() }

// Handles reports whether a projection handles events of a type.
func (a *Applier) Handles(eventType string) bool { return a.set.For(eventType) != nil }

// Reverse returns what undoes an event, given the entity's state now, as the projection
// declares it: nil if the entity is to be folded again without it. Whatever goes wrong in
// the projection is an error, with its text.
func (a *Applier) Reverse(ctx context.Context, state []byte, e *event.Event) (*event.Inverse, error) {
	return a.set.reverse(ctx, state, e)
}

// Target is a lane of a generation that events are folded into.
type Target struct {
	// ID is the generation's id.
	ID         string
	Generation datastore.Generation
	Lane       event.Lane
	// Replay is recorded in the rows as their builder; "" for the live path.
	Replay string
	// Refolds says that the rows are those of a generation that follows the event
	// stream: a correction that has its entity folded again then does so. Anywhere else
	// it is only counted, since what is folded from the first event on needs none.
	Refolds bool
}

// Tally counts the effects of one Apply.
type Tally struct {
	Applied, Duplicates, Conflicts, Ignored int64
	// Parked counts entities that became parked, or are parked at another event
	// than before.
	Parked int64
	// Skipped counts events that are stepped over now, and Corrections the
	// corrections.
	Skipped, Corrections int64
	// Refolded counts the times that an entity was folded again from its first event on,
	// and Left those that it was left as it is, since its history is too long or cannot be
	// decoded. The counts above are then differences, which may be negative.
	Refolded, Left int64
	// Reversed counts the reversals for which an entity was folded from its first event on,
	// on every path; they make differences of the counts, too.
	Reversed int64
}

func (t *Tally) add(before, after *datastore.Row) {
	t.Applied += after.Count - before.Count
	t.Duplicates += after.Duplicates - before.Duplicates
	t.Conflicts += after.Conflicts - before.Conflicts
	t.Ignored += after.Ignored - before.Ignored
	t.Skipped += after.Skipped - before.Skipped
	t.Corrections += after.Corrections - before.Corrections
	if after.Parked != nil && (before.Parked == nil || before.Parked.Position != after.Parked.Position) {
		t.Parked++
	}
}

func (t *Tally) addTally(o Tally) {
	t.Applied += o.Applied
	t.Duplicates += o.Duplicates
	t.Conflicts += o.Conflicts
	t.Ignored += o.Ignored
	t.Skipped += o.Skipped
	t.Corrections += o.Corrections
	t.Parked += o.Parked
	t.Refolded += o.Refolded
	t.Left += o.Left
	t.Reversed += o.Reversed
}

// Apply folds events of one lane, in position order per entity, into rows: first in
// memory, then with one conditional write per entity. All events must be in the
// log. It skips events at or before a row's position. Rows are written in chunks:
// those written before an error, or before ctx ended, stay, and a repeated call
// continues after them. The tally counts the written rows.
func (a *Applier) Apply(ctx context.Context, to Target, events []Placed) (Tally, error) {
	r := run{applier: a, to: to}
	for batch := range slices.Chunk(events, datastore.MaxBatch) {
		works := group(batch)
		r.again = false
		for race := 0; len(works) > 0; {
			if race > maxRaces {
				return r.tally, fmt.Errorf("write rows of lane %s: %w", to.Lane, ErrRaced)
			}
			var err error
			if works, err = r.round(ctx, works); err != nil {
				return r.tally, err
			}
			r.again = true
			if !r.resumed {
				race++
			}
		}
	}
	return r.tally, nil
}

// Ignored counts the events of a batch that no projection handles. A correction is
// none of them.
func (a *Applier) Ignored(events []Placed) datastore.Ignored {
	var sum datastore.Ignored
	counts := make(map[string]int64)
	for i := range events {
		if !event.IsCorrection(&events[i].Event) {
			counts[events[i].Event.Type]++
		}
	}
	for eventType, count := range counts {
		if a.set.For(eventType) == nil {
			sum.Add(eventType, count)
		}
	}
	return sum
}

// work is one entity's part of a batch.
type work struct {
	entity string
	events []*Placed
	// fresh are the events after the position of the row that was read, in
	// ascending order.
	fresh         []sighting
	before, after datastore.Row
	// first is what the identity index returned for fresh, nil if the entity is
	// not indexed. exact is the set of identities of an entity that is not
	// indexed, nil if it was not loaded.
	first map[event.Digest]datastore.Identity
	exact *identities
	// unfinished is set if after is the progress of a fold that is not done.
	unfinished bool
	// refolded, left and reversed are as in Tally.
	refolded, left, reversed int64
}

// sighting is an event with its fingerprints.
type sighting struct {
	*Placed
	id      event.Digest
	content uint64
}

func group(events []Placed) []*work {
	var works []*work
	byEntity := make(map[string]*work)
	for i := range events {
		entity := events[i].Event.Subject
		w, found := byEntity[entity]
		if !found {
			w = &work{entity: entity}
			byEntity[entity] = w
			works = append(works, w)
		}
		w.events = append(w.events, &events[i])
	}
	return works
}

// begin starts over with the row that was read.
func (w *work) begin(row datastore.Row) {
	w.before = row
	w.before.Entity = w.entity
	w.fresh = w.fresh[:0]
	w.first, w.exact, w.unfinished = nil, nil, false
	at := row.Position
	for _, p := range w.events {
		if p.Position > at {
			at = p.Position
			w.fresh = append(w.fresh, sighting{p, p.Event.Identity(), contentOf(p.Line)})
		}
	}
}

func contentOf(line []byte) uint64 { return event.ContentOf(line).Hi }

// Apart returns an Applier with the same projections, log and limits, unless options
// change these, that shares no knowledge with a: neither of runaways nor of past events.
func (a *Applier) Apart(options ...Option) *Applier {
	apart := *a
	apart.set = a.set.Watched(a.set.watch.Watch)
	apart.cache = newIdentityCache(cachedIdentities)
	for _, option := range options {
		option(&apart)
	}
	return &apart
}

// Aside returns an Applier that shares a's knowledge of runaways, but not that of past
// events: what it folds takes no room of a's.
func (a *Applier) Aside() *Applier {
	aside := *a
	aside.cache = newIdentityCache(cachedIdentities)
	return &aside
}

// Over returns an Applier like Aside that reads histories from another log.
func (a *Applier) Over(log Histories) *Applier {
	over := a.Aside()
	over.log = log
	return over
}
