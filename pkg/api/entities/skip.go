package entities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// SkipRequest asks to step over the event at which an entity is parked.
type SkipRequest struct {
	// Event is the position of the event.
	Event  event.Position `json:"event"`
	Reason string         `json:"reason"`
	// Who asks, "" if unknown.
	Who string `json:"who,omitempty"`
}

// Skipping is a correction that was accepted.
type Skipping struct {
	Entity string     `json:"entity"`
	Lane   event.Lane `json:"lane"`
	// Event is the position of the event that is stepped over; Position and ID are
	// those of the correction.
	Event    event.Position `json:"event"`
	Position event.Position `json:"position"`
	ID       string         `json:"id"`
}

// Skip appends a correction to the log. It checks the request against the active
// generation, so that no useless correction is appended; what a correction does is
// decided by the log alone.
func (a *Entities) Skip(r *http.Request) (web.Reply, error) {
	entity, err := web.PathEntity(r)
	if err != nil {
		return web.Reply{}, err
	}
	var request SkipRequest
	if err := web.DecodeBody(r, &request); err != nil {
		return web.Reply{}, err
	}
	skip := event.Skip{Source: "-", ID: "-", Position: request.Event, Reason: request.Reason, Who: request.Who}
	if _, err := event.NewSkip(entity, skip, a.Load.Now()); err != nil {
		return web.Reply{}, invalidCorrection(err)
	}
	lane := a.Lanes.Of(entity)
	if skip.Source, skip.ID, err = a.mayStepOver(r.Context(), lane, entity, request.Event); err != nil {
		return web.Reply{}, err
	}
	e, err := event.NewSkip(entity, skip, a.Load.Now())
	if err != nil {
		return web.Reply{}, invalidCorrection(err)
	}
	position, err := a.Load.Append(r.Context(), lane, &e)
	if err != nil {
		return web.Reply{}, err
	}
	made := Skipping{Entity: entity, Lane: lane, Event: request.Event, Position: position, ID: e.ID}
	a.Log.LogAttrs(r.Context(), slog.LevelWarn, "correction accepted", slog.String("lane", lane.String()),
		slog.String("event", string(made.Event)), slog.String("position", string(made.Position)))
	return web.Answer(http.StatusAccepted, made), nil
}

func invalidCorrection(err error) error {
	var invalid *event.Invalid
	if !errors.As(err, &invalid) {
		return err
	}
	return web.NewProblem(http.StatusBadRequest, "invalid-correction", err.Error())
}

// mayStepOver returns the source and id of the event at a position, if the entity is
// parked at exactly that event in the active generation and no correction names it
// yet.
func (a *Entities) mayStepOver(
	ctx context.Context, lane event.Lane, entity string, at event.Position,
) (source, id string, err error) {
	_, row, found, err := a.activeRow(ctx, entity)
	if err != nil {
		return "", "", err
	}
	if !found {
		return "", "", web.NewProblem(http.StatusNotFound, "entity-not-found", "the active generation has no such entity")
	}
	head, err := a.Heads.Load(ctx, lane)
	if err != nil {
		return "", "", err
	}
	named, found, err := a.eventAt(ctx, lane, entity, head, at)
	switch {
	case err != nil:
		return "", "", err
	case !found:
		return "", "", web.NewProblem(http.StatusNotFound, "event-not-found",
			"the log has no event of this entity at that position: reprise parked list shows where it is parked")
	case row.Parked == nil:
		return "", "", web.NewProblem(http.StatusConflict, "entity-not-parked",
			"the entity is not parked: nothing has to be skipped")
	case row.Parked.Position != at:
		return "", "", web.NewProblem(http.StatusConflict, "parked-elsewhere", fmt.Sprintf(
			"the entity is parked at %s, and only that event can be skipped", row.Parked.Position))
	}
	corrected, err := a.corrected(ctx, lane, &row, head, named.Identity())
	if err == nil && corrected {
		err = web.NewProblem(http.StatusConflict, "already-skipped",
			"the log has a correction that names this event already; it is about to be applied")
	}
	return named.Source, named.ID, err
}

// eventAt returns the event of an entity at a position of the log.
func (a *Entities) eventAt(
	ctx context.Context, lane event.Lane, entity string, head eventlog.Head, at event.Position,
) (e event.Event, found bool, err error) {
	if at > head.Position {
		return e, false, nil
	}
	buckets, err := a.Buckets(ctx, lane, entity, head)
	if err != nil {
		return e, false, err
	}
	justBelow := at[:len(at)-1]
	visit := func(_ eventlog.Bucket, entry *eventlog.Entry) (err error) {
		if found = found || entry.Position == at; entry.Position == at {
			e, err = event.Parse(string(entry.Line))
		}
		return err
	}
	err = a.log().History(ctx, lane, entity, buckets, justBelow, at, visit)
	if err != nil {
		return e, false, fmt.Errorf("read event at %s: %w", at, err)
	}
	return e, found, nil
}

// maxUnseen bounds the events that corrected looks at.
const maxUnseen = 1000

// corrected reports whether a correction that the row has not seen yet names an
// event. It looks at the next maxUnseen events only: a correction that is made twice
// does no harm.
func (a *Entities) corrected(
	ctx context.Context, lane event.Lane, row *datastore.Row, head eventlog.Head, id event.Digest,
) (found bool, err error) {
	if row.Parked.Again != nil && row.Parked.Again.Over {
		return true, nil
	}
	buckets, err := a.Buckets(ctx, lane, row.Entity, head)
	if err != nil || row.Position >= head.Position {
		return false, err
	}
	enough, seen := errors.New("enough"), 0
	err = a.log().History(ctx, lane, row.Entity, buckets, row.Position, head.Position,
		func(_ eventlog.Bucket, entry *eventlog.Entry) error {
			e, err := event.Parse(string(entry.Line))
			if err != nil {
				return err
			}
			skip, is := event.SkipOf(&e)
			if found = is && skip.Named() == id; found {
				return enough
			}
			if seen++; seen == maxUnseen {
				return enough
			}
			return nil
		})
	if err != nil && !errors.Is(err, enough) {
		return false, fmt.Errorf("look for corrections: %w", err)
	}
	return found, nil
}
