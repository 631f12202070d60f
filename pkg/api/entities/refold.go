package entities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// RefoldRequest asks to fold an entity again from its first event on.
type RefoldRequest struct {
	// Request names what the entities of one repair have in common. An entity is folded
	// again once for each request, however often it is asked for.
	Request string `json:"request"`
	Reason  string `json:"reason"`
	// Who asks, "" if unknown.
	Who string `json:"who,omitempty"`
}

// Refolding is a correction that was accepted, or that the log had already.
type Refolding struct {
	Entity  string     `json:"entity"`
	Lane    event.Lane `json:"lane"`
	Request string     `json:"request"`
	// Position and ID are those of the correction.
	Position event.Position `json:"position"`
	ID       string         `json:"id"`
	// Repeated is set if the log had it already.
	Repeated bool `json:"repeated,omitempty"`
}

// Refold appends a correction to the log, at which every generation that follows the event
// stream folds the entity again, in place. It refuses entities that the active generation
// does not have, and those whose history is too long.
func (a *Entities) Refold(r *http.Request) (web.Reply, error) {
	entity, err := web.PathEntity(r)
	if err != nil {
		return web.Reply{}, err
	}
	var request RefoldRequest
	if err := web.DecodeBody(r, &request); err != nil {
		return web.Reply{}, err
	}
	asked := event.Refold{Request: request.Request, Reason: request.Reason, Who: request.Who}
	e, err := event.NewRefold(entity, asked, a.Load.Now())
	if err != nil {
		return web.Reply{}, invalidCorrection(err)
	}
	made := Refolding{Entity: entity, Lane: a.Lanes.Of(entity), Request: request.Request, ID: e.ID}
	if made.Position, err = a.mayRefold(r.Context(), made.Lane, entity, e.ID); err != nil {
		return web.Reply{}, err
	}
	if made.Position != "" {
		made.Repeated = true
		return web.Answer(http.StatusOK, made), nil
	}
	if made.Position, err = a.Load.Append(r.Context(), made.Lane, &e); err != nil {
		return web.Reply{}, err
	}
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, "refold accepted", slog.String("lane", made.Lane.String()),
		slog.String("request", made.Request), slog.String("position", string(made.Position)))
	return web.Answer(http.StatusAccepted, made), nil
}

// mayRefold checks that an entity can be folded again, and returns the position of the
// correction with an id, "" if its history has none.
func (a *Entities) mayRefold(ctx context.Context, lane event.Lane, entity, id string) (event.Position, error) {
	_, _, found, err := a.activeRow(ctx, entity)
	if err != nil {
		return "", err
	}
	if !found {
		return "", web.NewProblem(http.StatusNotFound, "entity-not-found", "the active generation has no such entity: "+
			"there is nothing to fold again. Rebuild the generation if the log has events of it")
	}
	head, err := a.Heads.Load(ctx, lane)
	if err != nil {
		return "", err
	}
	buckets, err := a.Buckets(ctx, lane, entity, head)
	if err != nil {
		return "", err
	}
	if len(buckets) > projection.MaxRefoldBuckets {
		return "", refoldTooLong()
	}
	return a.correctionOf(ctx, lane, entity, id, buckets, head.Position)
}

// correctionOf reads an entity's history, and returns the position of the correction with
// an id, "" if there is none.
func (a *Entities) correctionOf(ctx context.Context, lane event.Lane, entity, id string, buckets []eventlog.Bucket,
	upTo event.Position,
) (at event.Position, err error) {
	tooLong := errors.New("too long")
	events, bytes := 0, 0
	err = a.log().History(ctx, lane, entity, buckets, "", upTo, func(_ eventlog.Bucket, entry *eventlog.Entry) error {
		events, bytes = events+1, bytes+len(entry.Line)
		if events > projection.MaxRefoldEvents || bytes > projection.MaxRefoldBytes {
			return tooLong
		}
		e, err := event.Parse(string(entry.Line))
		if _, is := event.RefoldOf(&e); is && e.ID == id && at == "" {
			at = entry.Position
		}
		return err
	})
	if errors.Is(err, tooLong) {
		return "", refoldTooLong()
	}
	if err != nil {
		return "", fmt.Errorf("read history of an entity: %w", err)
	}
	return at, nil
}

func refoldTooLong() error {
	return web.NewProblem(http.StatusUnprocessableEntity, "history-too-long", fmt.Sprintf(
		"the entity has more than %d events, %d MiB of them, or events in more than %d buckets: rebuild the generation "+
			"instead", projection.MaxRefoldEvents, projection.MaxRefoldBytes>>20, projection.MaxRefoldBuckets))
}
