package effects

import (
	"context"
	"errors"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/effects/guard"
	"reprise/pkg/event"
	"reprise/pkg/gateway"
	"reprise/pkg/projection"
)

// run is the work on one entity. It is for one goroutine.
type run struct {
	*Reactor
	lane    event.Lane
	entity  string
	memory  memory
	version control.Version
	fold    fold
}

// begin loads what is kept of an entity. mark is the last position to which the service has
// reacted in the lane, which holds for an entity of which nothing is kept.
func (r *Reactor) begin(ctx context.Context, lane event.Lane, entity string, mark event.Position) (*run, error) {
	one := &run{Reactor: r, lane: lane, entity: entity}
	one.fold = fold{applier: r.Applier, lane: lane, index: &identities{r.Ledger.Table}, refolds: true}
	var err error
	if one.memory, one.version, err = r.Ledger.remembered(ctx, lane, entity); err != nil {
		return nil, err
	}
	if one.version == "" {
		one.memory.Founding = mark
	}
	one.fold.row = one.memory.Row
	return one, nil
}

// live reacts to events of the stream.
func (r *run) live(ctx context.Context, events []*projection.Placed) error {
	if err := r.found(ctx); err != nil {
		return err
	}
	for _, p := range events {
		if p.Position <= r.fold.row.Position {
			continue
		}
		row := r.fold.row
		failed, err := r.take(ctx, p)
		if err != nil {
			return err
		}
		if failed != nil {
			r.fold.row = row
			return r.fail(ctx, events[len(events)-1].Position, failed)
		}
	}
	return r.keep(ctx)
}

// keep stores the state after the last event.
func (r *run) keep(ctx context.Context) (err error) {
	r.memory.Row = r.fold.row
	r.memory.Row.Entity = r.entity
	r.version, err = r.Ledger.remember(ctx, r.lane, r.entity, &r.memory, r.version)
	return err
}

// foundPage bounds the events that are folded between two times that the progress is
// stored.
const foundPage = 1000

// found folds the entity's state anew from the log up to where the service has reacted, if
// what is kept is not of this version of the projections. It stores its progress.
func (r *run) found(ctx context.Context) error {
	current := r.fold.row.Version == r.Applier.Version()
	if r.memory.Founding == "" && (current || r.memory.Row.Position == "") {
		return nil
	}
	if r.memory.Founding == "" {
		r.memory.Founding = r.memory.Row.Position
	}
	if !current {
		r.fold.row = datastore.Row{Entity: r.entity}
	}
	r.fold.row.Entity = r.entity
	for {
		page, more, err := r.history(ctx, r.lane, r.entity, r.fold.row.Position, r.memory.Founding, foundPage)
		if err != nil {
			return err
		}
		if err := r.fold.take(ctx, page); err != nil {
			return err
		}
		if !more {
			break
		}
		if err := r.keep(ctx); err != nil {
			return err
		}
	}
	r.memory.Founding = ""
	return nil
}

// take folds one event, and lets the service react to it. What failed is an error of the
// service or of a system; an error is one of the stores.
func (r *run) take(ctx context.Context, p *projection.Placed) (failed *failure, err error) {
	before, after, err := r.fold.step(ctx, p)
	if err != nil {
		return nil, err
	}
	if releases(&before, &after) {
		return r.released(ctx, &before, p.Position)
	}
	if !r.reacts(&before, &after, &p.Event) {
		return nil, nil
	}
	return r.react(ctx, p, &before, &after)
}

// releases reports whether an event had others applied that waited behind a parked one.
func releases(before, after *datastore.Row) bool {
	return before.Parked != nil && (after.Parked == nil || after.Parked.Position != before.Parked.Position)
}

// reacts reports whether the service reacts to an event, by the rows before and after it: not
// to a duplicate, and not to one that is parked or waits behind one. A reversal happens also
// where the entity is folded again without an event.
func (r *Reactor) reacts(before, after *datastore.Row, e *event.Event) bool {
	_, reverses := event.ReversalOf(e)
	happened := after.Count > before.Count || after.Ignored > before.Ignored ||
		reverses && after.Parked == nil && after.Duplicates == before.Duplicates
	return happened && before.Parked == nil && r.types[e.Type]
}

// react calls the service for one event.
func (r *run) react(ctx context.Context, p *projection.Placed, before, after *datastore.Row) (*failure, error) {
	if w := r.memory.Waiting; w != nil && w.Skip == p.Position {
		return nil, nil // a person gave its effects up
	}
	reaction := reactionTo(p, before, after, "")
	outside := &live{
		caller:   r.caller,
		calls:    r.calls,
		version:  r.Reactor.Version(),
		place:    Place{r.lane, r.entity, p.Position},
		reaction: reaction,
	}
	err := r.guard.React(ctx, r.Service, reaction, outside)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case isStore(err):
		return nil, err
	case err == nil:
		return nil, nil
	}
	failed := &failure{at: p, err: err}
	// A reaction that goes on must not be looked into.
	if !errors.Is(err, guard.ErrRunaway) && outside.failed != nil && errors.Is(err, outside.failed.err) {
		failed.call = outside.failed.call
	}
	return failed, nil
}

// isStore reports whether an error is none of the service or of a system.
func isStore(err error) bool {
	return errors.Is(err, errMoved) || errors.Is(err, guard.ErrManyRunaways)
}

// reactionTo is what the service is told of an event, the same live and in a replay.
func reactionTo(p *projection.Placed, before, after *datastore.Row, replay string) *gateway.Reaction {
	e := p.Event
	return &gateway.Reaction{
		Event:      &e,
		Position:   p.Position,
		Before:     before.State,
		After:      after.State,
		Projection: after.Projection,
		Replay:     replay,
		At:         momentOf(p),
	}
}

// momentOf is the event's own time, or the beginning of its bucket if it has none: both are
// the same live and in every replay.
func momentOf(p *projection.Placed) time.Time {
	if at, has := p.Event.Timestamp(); has {
		return at.UTC()
	}
	return p.Bucket.Start()
}

// released reacts to the events that waited behind a parked one, after a correction had
// them applied. The service has not seen them yet; it is called again for all of them if
// one of them fails, and what it called before is not repeated.
func (r *run) released(ctx context.Context, before *datastore.Row, upTo event.Position) (*failure, error) {
	events, named, err := r.waitingEvents(ctx, r.lane, r.entity, before, upTo)
	if err != nil {
		return nil, err
	}
	var failed *failure
	err = r.fold.releasing(ctx, before, events, named, func(p *projection.Placed, old, now *datastore.Row) error {
		if !r.reacts(old, now, &p.Event) {
			return nil
		}
		var err error
		if failed, err = r.react(ctx, p, old, now); failed != nil && err == nil {
			err = errPage
		}
		return err
	})
	if errors.Is(err, errPage) {
		err = nil
	}
	return failed, err
}
