package entities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// View is an entity's row in a generation.
type View struct {
	Entity string `json:"entity"`
	// State is null before the first event was applied.
	State json.RawMessage `json:"state"`
	// Count is the number of events applied, Position the position of the last
	// event seen, Chain the order-dependent digest of all events applied.
	Count      int64          `json:"count"`
	Position   event.Position `json:"position"`
	Chain      event.Digest   `json:"chain"`
	Generation string         `json:"generation"`
	// Projection made the state; Version is the version of the set of
	// projections; Replay built the row, "" for the live path.
	Projection string `json:"projection"`
	Version    string `json:"version"`
	Replay     string `json:"replay"`
	Duplicates int64  `json:"duplicates"`
	Conflicts  int64  `json:"conflicts"`
	Ignored    int64  `json:"ignored"`
	// Skipped counts events that are stepped over because a correction names them,
	// Corrections the corrections, also those without effect.
	Skipped     int64             `json:"skipped,omitempty"`
	Corrections int64             `json:"corrections,omitempty"`
	Parked      *datastore.Parked `json:"parked"`
}

func viewRow(generation string, row *datastore.Row) View {
	view := View{
		Entity:      row.Entity,
		Count:       row.Count,
		Position:    row.Position,
		Chain:       row.Chain,
		Generation:  generation,
		Projection:  row.Projection,
		Version:     row.Version,
		Replay:      row.Replay,
		Duplicates:  row.Duplicates,
		Conflicts:   row.Conflicts,
		Ignored:     row.Ignored,
		Skipped:     row.Skipped,
		Corrections: row.Corrections,
		Parked:      row.Parked,
	}
	if len(row.State) > 0 {
		view.State = row.State
	}
	return view
}

// GetEntity serves an entity's row in the active generation.
func (a *Entities) GetEntity(r *http.Request) (web.Reply, error) {
	entity, err := web.PathEntity(r)
	if err == nil {
		err = web.NewQuery(r).Err()
	}
	if err != nil {
		return web.Reply{}, err
	}
	id, row, found, err := a.activeRow(r.Context(), entity)
	if err != nil {
		return web.Reply{}, err
	}
	if !found {
		return web.Reply{}, web.NewProblem(http.StatusNotFound, "entity-not-found",
			"the active generation has no such entity. An event accepted a moment ago may not be applied yet: try again shortly")
	}
	return web.Answer(http.StatusOK, viewRow(id, &row)), nil
}

// Active returns the active generation.
func (a *Entities) Active(ctx context.Context) (datastore.Info, error) {
	registry, err := a.Registry.Load(ctx)
	if err != nil {
		return datastore.Info{}, err
	}
	info, found := registry.Find(registry.Active)
	if !found {
		return datastore.Info{}, web.NewProblem(http.StatusServiceUnavailable, "no-generation",
			"no generation is active: build one with reprise replay start --rebuild --promote")
	}
	return *info, nil
}

// readable returns the active generation, or a problem if it is recorded as
// lost.
func (a *Entities) readable(ctx context.Context) (datastore.Info, error) {
	info, err := a.Active(ctx)
	if err == nil && info.Loss != nil {
		return datastore.Info{}, web.GenerationLost(info.ID)
	}
	return info, err
}

// activeRow reads an entity's row in the active generation. It checks after the
// read that the generation is still active: after a promotion the old generation
// keeps following and may be ahead of the new one, so that a client which reads
// from both would see its entity step back.
func (a *Entities) activeRow(ctx context.Context, entity string) (id string, row datastore.Row, found bool, err error) {
	info, err := a.readable(ctx)
	for range maxFlips {
		if err != nil {
			return "", datastore.Row{}, false, err
		}
		row, found, err = a.row(ctx, info.ID, entity)
		now, changed := a.readable(ctx)
		if changed != nil || now.ID == info.ID {
			return info.ID, row, found, errors.Join(err, changed)
		}
		info, err = now, nil
	}
	return "", datastore.Row{}, false, web.RetryLater("promoting",
		"another generation became active during each of several reads: try again")
}

// maxFlips bounds how often a row is read because another generation became
// active during the read.
const maxFlips = 5

// row reads an entity's row, and then the lane's mark: a mark that still exists
// shows that the rows existed when they were read.
func (a *Entities) row(ctx context.Context, generation, entity string) (datastore.Row, bool, error) {
	lane := a.Lanes.Of(entity)
	rows, err := a.Generations.Open(generation).Rows(ctx, lane, []string{entity})
	if err == nil {
		_, _, err = a.Generations.Open(generation).Mark(ctx, datastore.LiveMark, lane)
	}
	if datastore.IsGone(err) {
		return datastore.Row{}, false, web.GenerationLost(generation)
	}
	if err != nil {
		return datastore.Row{}, false, fmt.Errorf("read row of generation %s: %w", generation, err)
	}
	row, found := rows[entity]
	return row, found, nil
}
