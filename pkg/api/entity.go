package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// EntityView is an entity's row in a generation.
type EntityView struct {
	Entity string `json:"entity"`
	// State is null before the first event was applied.
	State json.RawMessage `json:"state"`
	// Count is the number of events applied, Position that of the last event
	// seen, Chain the order-dependent digest of all events applied.
	Count      int64          `json:"count"`
	Position   event.Position `json:"position"`
	Chain      event.Digest   `json:"chain"`
	Generation string         `json:"generation"`
	// Projection made the state; Version is that of the set of projections,
	// Replay the replay that built the row, "" for the live path.
	Projection string            `json:"projection"`
	Version    string            `json:"version"`
	Replay     string            `json:"replay"`
	Duplicates int64             `json:"duplicates"`
	Conflicts  int64             `json:"conflicts"`
	Ignored    int64             `json:"ignored"`
	Parked     *datastore.Parked `json:"parked"`
}

func viewEntity(generation string, row *datastore.Row) EntityView {
	view := EntityView{Entity: row.Entity, Count: row.Count, Position: row.Position, Chain: row.Chain,
		Generation: generation, Projection: row.Projection, Version: row.Version, Replay: row.Replay,
		Duplicates: row.Duplicates, Conflicts: row.Conflicts, Ignored: row.Ignored, Parked: row.Parked}
	if len(row.State) > 0 {
		view.State = row.State
	}
	return view
}

func (a *API) getEntity(r *http.Request) (reply, error) {
	entity, err := pathEntity(r)
	if err == nil {
		err = newQuery(r).err()
	}
	if err != nil {
		return reply{}, err
	}
	id, row, found, err := a.activeRow(r.Context(), entity)
	if err != nil {
		return reply{}, err
	}
	if !found {
		return reply{}, problem(http.StatusNotFound, "entity-not-found",
			"the active generation has no such entity; an event that was accepted a moment ago may not be applied yet")
	}
	return answer(http.StatusOK, viewEntity(id, &row)), nil
}

// active is the active generation's entry.
func (a *API) active(ctx context.Context) (datastore.Info, error) {
	registered, err := a.Registry.Load(ctx)
	if err != nil {
		return datastore.Info{}, err
	}
	info, found := registered.Find(registered.Active)
	if !found {
		return datastore.Info{}, problem(http.StatusServiceUnavailable, "no-generation",
			"no generation is active; build one with reprise replay start --rebuild --promote")
	}
	return *info, nil
}

// readable is the active generation's entry, unless it is known to be lost.
func (a *API) readable(ctx context.Context) (datastore.Info, error) {
	info, err := a.active(ctx)
	if err == nil && info.Loss != nil {
		return datastore.Info{}, lostProblem(info.ID)
	}
	return info, err
}

// activeRow reads an entity's row in the active generation. A generation that
// was active goes on following, and may be ahead of the new one by the time its
// row is read; so the pointer is read again after the row, and reads do not
// step back over a promotion.
func (a *API) activeRow(ctx context.Context, entity string) (id string, row datastore.Row, found bool, err error) {
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
	return "", datastore.Row{}, false, retryLater("promoting", "generations are being promoted faster than one can be read")
}

// maxFlips bounds how often a row is read again because another generation
// became active meanwhile.
const maxFlips = 5

// row reads an entity's row. The mark is looked at after the row: where it is
// there still, so were the rows.
func (a *API) row(ctx context.Context, generation, entity string) (datastore.Row, bool, error) {
	lane := a.Lanes.Of(entity)
	rows, err := a.Generations.Open(generation).Rows(ctx, lane, []string{entity})
	if err == nil {
		_, _, err = a.Generations.Open(generation).Mark(ctx, datastore.LiveMark, lane)
	}
	if isLost(err) {
		return datastore.Row{}, false, lostProblem(generation)
	}
	if err != nil {
		return datastore.Row{}, false, fmt.Errorf("read row of generation %s: %w", generation, err)
	}
	row, found := rows[entity]
	return row, found, nil
}

func isLost(err error) bool {
	return errors.Is(err, datastore.ErrNoMark) || errors.Is(err, datastore.ErrNoGeneration)
}
