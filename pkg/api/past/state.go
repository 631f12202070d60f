package past

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection"
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
	// Settled is set if no event can be logged up to there any more.
	Settled bool `json:"settled"`
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
func (a *Past) GetState(r *http.Request) (web.Reply, error) {
	entity, err := web.PathEntity(r)
	if err != nil {
		return web.Reply{}, err
	}
	q := web.NewQuery(r, "at")
	at := momentOf(q, "at")
	if err := q.Err(); err != nil {
		return web.Reply{}, err
	}
	a.looked(r, "state", slog.String("entity", entity), slog.String("at", q.Text("at")))
	w, err := a.begin(r.Context(), entity)
	if err != nil {
		return web.Reply{}, err
	}
	if err := at.check(&w.head); err != nil {
		return web.Reply{}, err
	}
	shown, err := w.state(r.Context(), at)
	return web.Answer(http.StatusOK, shown), tooLong(err)
}

// state folds what is up to a moment, and shows the last event's effect.
func (w *walk) state(ctx context.Context, at moment) (StateAt, error) {
	var last *projection.Placed
	var when int64
	err := w.each(ctx, func(p *projection.Placed, logged int64) error {
		if !at.covers(p.Position, logged) {
			return errEnough
		}
		if last != nil {
			if err := w.hold(ctx, last); err != nil {
				return err
			}
		}
		last, when = p, logged
		return nil
	})
	if err != nil {
		return StateAt{}, err
	}
	if last == nil {
		return StateAt{}, w.nothing(ctx)
	}
	before, after, err := w.step(ctx, last)
	return StateAt{
		Entity:     w.entity,
		Position:   last.Position,
		Logged:     timeOf(when),
		Event:      last.Line,
		Outcome:    outcome(&before, &after, &last.Event),
		Settled:    at.settled(&w.head),
		Number:     w.events,
		Count:      after.Count,
		State:      stateOf(&after),
		Before:     stateOf(&before),
		Projection: after.Projection,
		Version:    w.past.Applier.Version(),
		Parked:     after.Parked,
	}, err
}

func timeOf(logged int64) time.Time { return time.UnixMilli(logged).UTC() }

func stateOf(row *datastore.Row) json.RawMessage {
	if len(row.State) == 0 {
		return nil // null
	}
	return row.State
}
