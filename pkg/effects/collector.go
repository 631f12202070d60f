package effects

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/effects/guard"
	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// Collector collects what the service as it is now would send for the events of a rebuild,
// and compares it with what the effects log says was sent. It is safe for concurrent use,
// and finds the same if a batch is consumed again.
type Collector struct{ Reactor *Reactor }

// lot is a batch of a lane of one replay.
type lot struct {
	*Reactor
	replay string
	to     projection.Target
	// born is since when each call exists, mark how far the live path has reacted in the
	// lane, but for the entities in behind.
	born   map[string]event.Position
	mark   event.Position
	behind map[string]event.Position
	// classes are those of the calls of each event.
	classes [][]Class
}

// Collect compares the effects of events that are about to be folded into a rebuilt
// generation. ordinal is the first event's within the lane's selection.
func (c *Collector) Collect(
	ctx context.Context, id string, to projection.Target, ordinal int64, events []projection.Placed,
) error {
	l := &lot{Reactor: c.Reactor, replay: id, to: to, classes: make([][]Class, len(events))}
	if err := l.prepare(ctx); err != nil {
		return fmt.Errorf("collect effects of lane %s: %w", to.Lane, err)
	}
	var order []string
	byEntity := make(map[string][]int)
	for i := range events {
		entity := events[i].Event.Subject
		if byEntity[entity] == nil {
			order = append(order, entity)
		}
		byEntity[entity] = append(byEntity[entity], i)
	}
	rows, err := to.Generation.Rows(ctx, to.Lane, order)
	if err != nil {
		return fmt.Errorf("collect effects of lane %s: %w", to.Lane, err)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(entitiesAtOnce)
	for _, entity := range order {
		group.Go(func() error { return l.entity(groupCtx, entity, rows[entity], events, byEntity[entity]) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("collect effects of lane %s: %w", to.Lane, err)
	}
	return c.Reactor.Ledger.count(ctx, id, to.Lane, ordinal, l.classes)
}

// prepare reads how far the live path has reacted, before any record is read: what it had
// reacted to by then is on record.
func (l *lot) prepare(ctx context.Context) (err error) {
	if err := l.Ledger.collectBy(ctx, l.replay, l.Reactor.Version()); err != nil {
		return err
	}
	mark, _, err := l.Marks().Mark(ctx, datastore.LiveMark, l.to.Lane)
	if err != nil && !errors.Is(err, datastore.ErrNoMark) {
		return err
	}
	l.mark = mark.Position
	if l.behind, err = l.Ledger.behind(ctx, l.to.Lane); err != nil {
		return err
	}
	l.born, err = l.Ledger.Births(ctx, l.to.Lane)
	return err
}

// ahead reports whether the live path has not reacted to an event yet.
func (l *lot) ahead(p *projection.Placed) bool {
	from, waits := l.behind[p.Event.Subject]
	return p.Position > l.mark || waits && p.Position >= from
}

// entity compares the effects of an entity's events, whose indices are given.
func (l *lot) entity(
	ctx context.Context, entity string, row datastore.Row, events []projection.Placed, at []int,
) error {
	ends, _, err := control.Load[stopped](ctx, l.Ledger.Table, stoppedKey(l.replay, l.to.Lane, entity))
	if err != nil && !errors.Is(err, control.ErrNotFound) {
		return fmt.Errorf("look whether an entity is compared: %w", err)
	}
	f := fold{applier: l.Applier, lane: l.to.Lane, row: row, index: l.to.Generation}
	f.row.Entity = entity
	recorded, err := l.recorded(ctx, entity, row.Position, events[at[len(at)-1]].Position)
	if err != nil {
		return err
	}
	for _, i := range at {
		p := &events[i]
		if p.Position <= f.row.Position {
			continue
		}
		if ends.Position != "" && p.Position > ends.Position {
			return nil // its effects are not known from there on
		}
		before, after, err := f.step(ctx, p)
		if err != nil {
			return err
		}
		stop, err := l.compare(ctx, &f, p, &before, &after, recorded, &l.classes[i])
		if err != nil || stop {
			return err
		}
	}
	return nil
}

// recorded returns the latest records of an entity's calls, by position and call.
func (l *lot) recorded(ctx context.Context, entity string, after, upTo event.Position) (
	map[event.Position]map[string]*Record, error,
) {
	found := make(map[event.Position]map[string]*Record)
	err := l.Ledger.Calls(ctx, l.to.Lane, entity, after, upTo, func(r *Record) error {
		if found[r.Position] == nil {
			found[r.Position] = make(map[string]*Record)
		}
		found[r.Position][callOf(r.System, r.Name, r.Part)] = r // later turns come later
		return nil
	})
	return found, err
}

// compare compares the effects of one event, and of those that it released. It reports
// whether the entity's effects are not known from there on.
func (l *lot) compare(ctx context.Context, f *fold, p *projection.Placed, before, after *datastore.Row,
	recorded map[event.Position]map[string]*Record, classes *[]Class,
) (stop bool, err error) {
	if releases(before, after) {
		return l.released(ctx, f, p, before, classes)
	}
	g := l.gateway(p, before, after, recorded[p.Position])
	var entries []Entry
	switch {
	case l.ahead(p):
		if l.reacts(before, after, &p.Event) {
			*classes = append(*classes, Ahead)
		}
		return false, nil
	case after.Parked != nil:
		entries = g.left(Undecided, "the entity is parked in the rebuilt generation")
	case !l.reacts(before, after, &p.Event):
		entries = g.left(Missing, "")
	default:
		if entries, stop, err = l.wanted(ctx, g); err != nil {
			return false, err
		}
	}
	return stop, l.note(ctx, entries, classes)
}

func (l *lot) gateway(
	p *projection.Placed, before, after *datastore.Row, recorded map[string]*Record,
) *collecting {
	return &collecting{
		calls:    l.calls,
		systems:  l.Systems,
		reveal:   l.Reveal,
		born:     l.born,
		place:    Place{l.to.Lane, p.Event.Subject, p.Position},
		reaction: reactionTo(p, before, after, l.replay),
		recorded: recorded,
		called:   make(map[string]bool),
	}
}

// wanted lets the service react, and returns what it would have sent and what it would not.
func (l *lot) wanted(ctx context.Context, g *collecting) (entries []Entry, stop bool, err error) {
	err = l.guard.React(ctx, l.Service, g.reaction, g)
	switch {
	case ctx.Err() != nil:
		return nil, false, context.Cause(ctx)
	case errors.Is(err, guard.ErrManyRunaways), errors.Is(err, errOutside):
		return nil, false, err
	case err != nil:
		if !errors.Is(err, guard.ErrRunaway) { // one that goes on must not be looked into
			entries = append(g.entries, g.left(Undecided, "the reaction could not end")...)
		}
		return append(entries, g.unanswered(err)), true, l.stop(ctx, g.place)
	}
	return append(g.entries, g.left(Missing, "")...), false, nil
}

// stop records that an entity's effects are not known from an event on.
func (l *lot) stop(ctx context.Context, at Place) error {
	key := stoppedKey(l.replay, at.Lane, at.Entity)
	_, err := control.Store(ctx, l.Ledger.Table, key, stopped{at.Position}, "")
	if err != nil && !errors.Is(err, control.ErrConflict) {
		return fmt.Errorf("stop comparing an entity: %w", err)
	}
	return nil
}

// note stores the entries that are differences, and counts all.
func (l *lot) note(ctx context.Context, entries []Entry, classes *[]Class) error {
	for i := range entries {
		e := &entries[i]
		*classes = append(*classes, e.Class)
		if e.Class == Same || e.Class == Silent {
			continue
		}
		if err := l.Ledger.Enter(ctx, l.replay, e); err != nil {
			return err
		}
	}
	return nil
}

// released compares the effects of events that waited behind a parked one until the
// correction p.
func (l *lot) released(
	ctx context.Context, f *fold, p *projection.Placed, before *datastore.Row, classes *[]Class,
) (stop bool, err error) {
	events, named, err := l.waitingEvents(ctx, l.to.Lane, p.Event.Subject, before, p.Position)
	if err != nil {
		return false, err
	}
	recorded, err := l.recorded(ctx, p.Event.Subject, before.Parked.Position, p.Position)
	if err != nil {
		return false, err
	}
	done := errors.New("done")
	err = f.releasing(ctx, before, events, named, func(one *projection.Placed, old, now *datastore.Row) error {
		if l.ahead(p) || !l.reacts(old, now, &one.Event) {
			return nil
		}
		entries, ends, err := l.wanted(ctx, l.gateway(one, old, now, recorded[one.Position]))
		if err != nil {
			return err
		}
		if err := l.note(ctx, entries, classes); err != nil || !ends {
			return err
		}
		stop = true
		return done
	})
	if errors.Is(err, done) {
		err = nil
	}
	return stop, err
}
