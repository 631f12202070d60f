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

// maxDifferences bounds the fields that a difference shows.
const maxDifferences = 1000

// Difference is what differs between an entity's states at two moments.
type Difference struct {
	Entity string `json:"entity"`
	// Version is the version of the set of projections that folded both.
	Version string `json:"version"`
	From    End    `json:"from"`
	To      End    `json:"to"`
	// Changes are the fields that differ, old at From and new at To, at most 1,000 of
	// them and 3 MiB, and Changed is how many there are.
	Changes []statediff.Change `json:"changes"`
	Changed int                `json:"changed"`
}

// End is the state at one of the two moments, told by the last event up to there.
type End struct {
	// Position and Logged are those of the event, absent if there is none yet.
	Position event.Position `json:"position,omitempty"`
	Logged   *time.Time     `json:"logged,omitempty"`
	// Number counts the entity's events up to there, Count those that were applied.
	Number int   `json:"number"`
	Count  int64 `json:"count"`
	// Settled is set if no event can be logged up to there any more.
	Settled bool              `json:"settled"`
	Parked  *datastore.Parked `json:"parked"`

	at    moment
	known bool
	state []byte
}

// Diff serves the difference between the states at two moments. It folds once.
func (a *Past) Diff(r *http.Request) (web.Reply, error) {
	entity, err := web.PathEntity(r)
	if err != nil {
		return web.Reply{}, err
	}
	q := web.NewQuery(r, "from", "to")
	d := Difference{Entity: entity, Version: a.Applier.Version()}
	d.From.at, d.To.at = momentOf(q, "from"), momentOf(q, "to")
	if q.Text("from") == "" {
		q.Fail(web.BadParameter("from", "is required: a position, or a time such as 2026-03-01T09:30:00Z"))
	}
	if err := q.Err(); err != nil {
		return web.Reply{}, err
	}
	a.looked(r, "diff",
		slog.String("entity", entity), slog.String("from", q.Text("from")), slog.String("to", q.Text("to")))
	w, err := a.begin(r.Context(), entity)
	if err != nil {
		return web.Reply{}, err
	}
	for _, end := range []*End{&d.From, &d.To} {
		if err := end.at.check(&w.head); err != nil {
			return web.Reply{}, err
		}
	}
	err = w.ends(r.Context(), &d.From, &d.To)
	if err == nil && w.events == 0 {
		err = w.onlyKnown(r.Context())
	}
	if err == nil {
		err = d.compare()
	}
	return web.Answer(http.StatusOK, d), tooLong(err)
}

// onlyKnown returns the problem of an entity that the log does not know.
func (w *walk) onlyKnown(ctx context.Context) error {
	found, err := w.exists(ctx)
	if err == nil && !found {
		err = w.nothing(ctx)
	}
	return err
}

// ends folds up to the later of two ends, and notes the state at both.
func (w *walk) ends(ctx context.Context, both ...*End) error {
	var last projection.Placed
	var when int64
	note := func(end *End) error { return w.note(ctx, end, last.Position, when) }
	err := w.each(ctx, func(p *projection.Placed, logged int64) error {
		open := 0
		for _, end := range both {
			switch {
			case end.known:
			case end.at.covers(p.Position, logged):
				open++
			default:
				if err := note(end); err != nil {
					return err
				}
			}
		}
		if open == 0 {
			return errEnough
		}
		last, when = *p, logged
		return w.hold(ctx, p)
	})
	for _, end := range both {
		if err == nil && !end.known {
			err = note(end)
		}
	}
	return err
}

// note fills in an end: the state as it is after the last event that was taken.
func (w *walk) note(ctx context.Context, end *End, at event.Position, logged int64) error {
	if err := w.settle(ctx); err != nil {
		return err
	}
	row := w.row()
	end.known, end.state = true, row.State
	end.Number, end.Count, end.Parked = w.events, row.Count, row.Parked
	end.Settled = end.at.settled(&w.head)
	if w.events > 0 {
		when := timeOf(logged)
		end.Position, end.Logged = at, &when
	}
	return nil
}

// compare fills in the changes, as many as a page holds.
func (d *Difference) compare() error {
	all, total := statediff.Diff(d.From.state, d.To.state, maxDifferences)
	d.Changes, d.Changed = []statediff.Change{}, total
	size := 0
	for _, change := range all {
		raw, err := json.Marshal(change)
		if err != nil {
			return err
		}
		if size += len(raw); size > web.MaxPageBytes {
			break
		}
		d.Changes = append(d.Changes, change)
	}
	return nil
}
