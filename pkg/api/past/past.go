package past

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"

	"reprise/pkg/api/web"
	"reprise/pkg/effects"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
)

// Past serves the routes of look-ups into the past. It is safe for concurrent use.
type Past struct {
	Heads    eventlog.Heads
	EventLog eventlog.Log
	Lanes    *event.Lanes
	// Width is the width of the log's buckets.
	Width   eventlog.Width
	Buckets replay.EntityBuckets
	// Applier folds; its version is the version of the code that every answer names.
	Applier *projection.Applier
	// Effects is the effects log, nil without business logic that has effects.
	Effects *effects.Ledger
	// Log receives every look-up.
	Log *slog.Logger
}

// The extension attributes that tell causes: those of the correlation extension of
// CloudEvents, and who or what caused an event.
const (
	CorrelationAttribute = "correlationid"
	CausationAttribute   = "causationid"
	ActorAttribute       = "actor"
)

// Causes are the values of the attributes that tell causes, "" where the event has none.
type Causes struct {
	Correlation string `json:"correlation,omitempty"`
	Causation   string `json:"causation,omitempty"`
	Actor       string `json:"actor,omitempty"`
}

func causesOf(e *event.Event) (c Causes) {
	into := map[string]*string{
		CorrelationAttribute: &c.Correlation, CausationAttribute: &c.Causation, ActorAttribute: &c.Actor,
	}
	for _, x := range e.Extensions {
		if to := into[x.Name]; to != nil && json.Unmarshal([]byte(x.Value), to) != nil {
			*to = x.Value // a number or a boolean, as JSON writes it
		}
	}
	return c
}

// unknownCaller stands for a caller whom the platform does not know, as on one machine.
const unknownCaller = "unknown"

// looked logs a look-up: who asks, and for what. It is called before anything is read, so
// that one that fails is logged, too.
func (a *Past) looked(r *http.Request, what string, at ...slog.Attr) {
	who := web.Caller(r.Context())
	if who == "" {
		who = unknownCaller
	}
	attrs := append([]slog.Attr{slog.String("what", what), slog.String("who", who)}, at...)
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, "looked into the past", attrs...)
}

func (a *Past) view() eventlog.View { return eventlog.View{Log: a.EventLog, Heads: a.Heads} }

// exists reports whether the log has any event of an entity.
func (w *walk) exists(ctx context.Context) (found bool, err error) {
	err = w.past.view().History(ctx, w.lane, w.entity, w.buckets, "", w.head.Position,
		func(eventlog.Bucket, *eventlog.Entry) error {
			found = true
			return errEnough
		})
	return found, enough(err)
}

// nothing is the problem of a part of a history without an event.
func (w *walk) nothing(ctx context.Context) error {
	found, err := w.exists(ctx)
	switch {
	case err != nil:
		return err
	case found:
		return web.NewProblem(http.StatusNotFound, "event-not-found",
			"the log has no event of this entity up to there: its first one is later")
	}
	return web.NewProblem(http.StatusNotFound, "entity-not-found",
		"the log has no event of this entity. An event accepted a moment ago may not be there yet: try again shortly")
}
