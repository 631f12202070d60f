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
	"reprise/pkg/projection/statediff"
)

const (
	defaultExplained = 200
	maxExplained     = 1000
	// maxChanges bounds the changed fields that an event shows, and maxExplainedBytes
	// what it takes on a page: names of fields may be long.
	maxChanges        = 50
	maxExplainedBytes = 64 << 10
)

// Explanation is a part of an entity's history with what became of each event, oldest
// first.
type Explanation struct {
	Entity string     `json:"entity"`
	Lane   event.Lane `json:"lane"`
	// Version is the version of the set of projections that folded the events.
	Version string      `json:"version"`
	Events  []Explained `json:"events"`
	// Next is the parameter after of the next page, absent on the last.
	Next event.Position `json:"next,omitempty"`
}

// Explained is an event of the log and what became of it.
type Explained struct {
	// Number counts the entity's events in the log from 1.
	Number   int            `json:"number"`
	Position event.Position `json:"position"`
	Logged   time.Time      `json:"logged"`
	ID       string         `json:"id"`
	Source   string         `json:"source"`
	Type     string         `json:"type"`
	Outcome  Outcome        `json:"outcome"`
	Causes
	// Projection is that to which the entity belongs after the event.
	Projection string `json:"projection"`
	// Applied counts the events that are applied with this one: of a correction, those
	// that waited.
	Applied int64 `json:"applied"`
	// Reverses is the event that a reversal names, "" for any other event, by the place
	// that it had in the log for which the reversal was made. Inverse is the type of the
	// event that is applied in its place, "" if the entity is folded without it.
	Reverses event.Position `json:"reverses,omitempty"`
	Inverse  string         `json:"inverse,omitempty"`
	// Skipped is the event that a correction steps over, "" for any other event.
	Skipped event.Position `json:"skipped,omitempty"`
	// ParkedAt is the event at which the entity is parked after this one, and Reason is
	// why; "" if it is not parked.
	ParkedAt event.Position `json:"parkedAt,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	// Changes are the fields of the state that the event has changed, at most 50 of
	// them, and Changed is how many there are.
	Changes []statediff.Change `json:"changes"`
	Changed int                `json:"changed"`
	// Effects are the calls of external systems that it has caused, at most 20 of them, and
	// Calls is how many there are.
	Effects []Effect `json:"effects,omitempty"`
	Calls   int      `json:"calls,omitempty"`
}

// Explain serves a page of an explanation. The server folds the entity's events up to the
// page again for each page, since a state is no part of a token that a client could
// change; so a page that begins after the bounds of a fold is refused.
func (a *Past) Explain(r *http.Request) (web.Reply, error) {
	entity, err := web.PathEntity(r)
	if err != nil {
		return web.Reply{}, err
	}
	q := web.NewQuery(r, "after", "limit")
	after, limit := event.Position(q.Text("after")), q.Number("limit", defaultExplained, 1, maxExplained)
	if _, err := event.ParsePosition(string(after)); err != nil && after != "" {
		q.Fail(web.BadParameter("after", "must be the next of an earlier page"))
	}
	if err := q.Err(); err != nil {
		return web.Reply{}, err
	}
	a.looked(r, "explain", slog.String("entity", entity), slog.String("after", string(after)), slog.Int("limit", limit))
	w, err := a.begin(r.Context(), entity)
	if err != nil {
		return web.Reply{}, err
	}
	if err := (moment{position: after}).check(&w.head); err != nil {
		return web.Reply{}, err
	}
	page, err := w.explain(r.Context(), after, limit)
	if err == nil {
		err = w.addEffects(r.Context(), &page)
	}
	if err == nil && len(page.Events) == 0 && after == "" {
		err = w.nothing(r.Context())
	}
	return web.Answer(http.StatusOK, page), tooLong(err)
}

func (w *walk) explain(ctx context.Context, after event.Position, limit int) (Explanation, error) {
	page := Explanation{
		Entity: w.entity, Lane: w.lane, Version: w.past.Applier.Version(), Events: []Explained{},
	}
	size := 0
	err := w.each(ctx, func(p *projection.Placed, logged int64) error {
		if p.Position <= after {
			return w.hold(ctx, p)
		}
		if n := len(page.Events); n == limit || size >= web.MaxPageBytes {
			page.Next = page.Events[n-1].Position
			return errEnough
		}
		before, row, err := w.step(ctx, p)
		if err != nil {
			return err
		}
		one := explained(p, &before, &row)
		one.Number, one.Logged = w.events, timeOf(logged)
		bytes, err := one.fit()
		size += bytes
		page.Events = append(page.Events, one)
		return err
	})
	return page, err
}

func explained(p *projection.Placed, before, after *datastore.Row) Explained {
	e := Explained{
		Position:   p.Position,
		ID:         p.Event.ID,
		Source:     p.Event.Source,
		Type:       p.Event.Type,
		Outcome:    outcome(before, after, &p.Event),
		Causes:     causesOf(&p.Event),
		Projection: after.Projection,
		Applied:    after.Count - before.Count,
	}
	if reversal, is := event.ReversalOf(&p.Event); is {
		e.Reverses, e.Applied = reversal.Position, max(0, e.Applied)
		if reversal.Inverse != nil {
			e.Inverse = reversal.Inverse.Type
		}
	} else if after.Skipped > before.Skipped && before.Parked != nil {
		e.Skipped = before.Parked.Position
	}
	if after.Parked != nil {
		e.ParkedAt, e.Reason = after.Parked.Position, after.Parked.Reason
	}
	e.Changes, e.Changed = statediff.Diff(before.State, after.State, maxChanges)
	if e.Changes == nil {
		e.Changes = []statediff.Change{}
	}
	return e
}

// fit leaves changes out until the event takes no more than its part of a page, and
// returns its size.
func (e *Explained) fit() (size int, err error) {
	for {
		raw, err := json.Marshal(e)
		if err != nil || len(raw) <= maxExplainedBytes || len(e.Changes) == 0 {
			return len(raw), err
		}
		e.Changes = e.Changes[:len(e.Changes)/2]
	}
}
