package entities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection"
	"reprise/pkg/projection/refold"
)

// A state of the past is folded from the entity's first event on, since rows keep the
// latest state only. These bounds keep what one request costs within a second.
const (
	maxStateEvents = 10_000
	maxStateBytes  = 16 << 20
)

// Outcome is what became of an event.
type Outcome string

// The outcomes.
const (
	// Applied: a projection folded it into the state.
	Applied Outcome = "applied"
	// Repeated: an earlier event of the entity has the same source and id.
	Repeated Outcome = "duplicate"
	// Ignored: no projection handles its type.
	Ignored Outcome = "ignored"
	// Parked: it could not be applied, and the entity is parked at it.
	Parked Outcome = "parked"
	// Waiting: it waits behind the event at which the entity is parked.
	Waiting Outcome = "waiting"
	// Correction: it names an event to step over, or has the entity folded again.
	Correction Outcome = "correction"
)

// StateAt is an entity's state after an event, and before it.
type StateAt struct {
	Entity string `json:"entity"`
	// Position, Logged and Event are those of the last event that was folded, and
	// Outcome is what became of it.
	Position event.Position  `json:"position"`
	Logged   time.Time       `json:"logged"`
	Event    json.RawMessage `json:"event"`
	Outcome  Outcome         `json:"outcome"`
	// Number counts the entity's events in the log up to there, Count those of them
	// that were applied.
	Number int   `json:"number"`
	Count  int64 `json:"count"`
	// State is the state after the event and Before the one before it, null if no
	// event had been applied.
	State  json.RawMessage `json:"state"`
	Before json.RawMessage `json:"before"`
	// Projection made the state, and Version is the version of the set of projections.
	Projection string            `json:"projection"`
	Version    string            `json:"version"`
	Parked     *datastore.Parked `json:"parked"`
}

// GetState folds an entity's events up to a position, or up to a time, with the present
// projections, whatever the active generation was built with.
func (a *Entities) GetState(r *http.Request) (web.Reply, error) {
	entity, err := web.PathEntity(r)
	if err != nil {
		return web.Reply{}, err
	}
	q := web.NewQuery(r, "at")
	part := refold.Part{
		Lane: a.Lanes.Of(entity), Entity: entity, MaxEvents: maxStateEvents, MaxBytes: maxStateBytes,
	}
	part.UpTo, part.Logged = placeOrTime(q, "at")
	if err := q.Err(); err != nil {
		return web.Reply{}, err
	}
	read, err := a.upTo(r.Context(), &part)
	switch {
	case errors.Is(err, refold.ErrTooLong):
		return web.Reply{}, web.NewProblem(http.StatusUnprocessableEntity, "history-too-long", fmt.Sprintf(
			"the entity has more than %d events, or %d MiB of them, up to there: GET /entities/{id} has its latest "+
				"state, and GET /entities/{id}/events its history", maxStateEvents, maxStateBytes>>20))
	case err != nil:
		return web.Reply{}, err
	case len(read.Events) == 0:
		return web.Reply{}, web.NewProblem(http.StatusNotFound, "event-not-found",
			"the log has no event of this entity up to there")
	}
	shown, err := a.foldTo(r.Context(), part.Lane, &read)
	return web.Answer(http.StatusOK, shown), err
}

// placeOrTime reads a position, or a time in RFC 3339; absent is the end of the log.
func placeOrTime(q *web.Query, name string) (at event.Position, logged int64) {
	text := q.Text(name)
	if text == "" {
		return "", 0
	}
	if _, err := event.ParsePosition(text); err == nil {
		return event.Position(text), 0
	}
	limit, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || limit.UnixMilli() <= 0 {
		q.Fail(web.BadParameter(name, "must be a position, or a time such as 2026-03-01T09:30:00Z"))
		return "", 0
	}
	return "", limit.UnixMilli()
}

// upTo reads the part of a history that the lane's head covers.
func (a *Entities) upTo(ctx context.Context, part *refold.Part) (refold.History, error) {
	head, err := a.Heads.Load(ctx, part.Lane)
	if err != nil {
		return refold.History{}, err
	}
	if part.UpTo == "" || part.UpTo > head.Position {
		part.UpTo = head.Position
	}
	if part.Buckets, err = a.Buckets(ctx, part.Lane, part.Entity, head); err != nil {
		return refold.History{}, err
	}
	return refold.Read(ctx, a.log(), part)
}

// foldTo folds a history, which has at least one event, and shows the last one's effect.
func (a *Entities) foldTo(ctx context.Context, lane event.Lane, read *refold.History) (StateAt, error) {
	events := read.Events
	last := &events[len(events)-1]
	fold := refold.Begin(a.Applier.Aside(), lane)
	var before datastore.Row
	if len(events) > 1 {
		if err := fold.Take(ctx, events[:len(events)-1]); err != nil {
			return StateAt{}, err
		}
		before = *fold.Row()
	}
	if err := fold.Take(ctx, events[len(events)-1:]); err != nil {
		return StateAt{}, err
	}
	after := fold.Row()
	return StateAt{
		Entity:     last.Event.Subject,
		Position:   last.Position,
		Logged:     time.UnixMilli(read.Logged).UTC(),
		Event:      last.Line,
		Outcome:    outcome(&before, after, last),
		Number:     len(events),
		Count:      after.Count,
		State:      stateOf(after),
		Before:     stateOf(&before),
		Projection: after.Projection,
		Version:    after.Version,
		Parked:     after.Parked,
	}, nil
}

func stateOf(row *datastore.Row) json.RawMessage {
	if len(row.State) == 0 {
		return nil // null
	}
	return row.State
}

// outcome tells from the rows before and after an event what became of it.
func outcome(before, after *datastore.Row, last *projection.Placed) Outcome {
	switch {
	case after.Duplicates > before.Duplicates:
		return Repeated
	case event.IsCorrection(&last.Event):
		return Correction
	case after.Ignored > before.Ignored:
		return Ignored
	case after.Parked != nil && before.Parked != nil:
		return Waiting
	case after.Parked != nil:
		return Parked
	}
	return Applied
}
