package entities

import (
	"context"
	"fmt"
	"net/http"

	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

const (
	defaultRows = 200
	maxRows     = 1000
)

// RowsPage is a part of one lane of a generation, ascending by the bytes of the
// escaped entity id, in which '#' and '%' are %23 and %25.
type RowsPage struct {
	Generation string     `json:"generation"`
	Lane       event.Lane `json:"lane"`
	Rows       []View     `json:"rows"`
	// Next is the parameter after of the next page, absent on the last.
	Next string `json:"next,omitempty"`
}

// GetRows serves a page of the rows of one lane.
func (a *Entities) GetRows(r *http.Request) (web.Reply, error) {
	q := web.NewQuery(r, "generation", "lane", "after", "limit")
	lane, after := q.Lane("lane", a.Lanes), q.Entity("after")
	limit := q.Number("limit", defaultRows, 1, maxRows)
	if err := q.Err(); err != nil {
		return web.Reply{}, err
	}
	info, err := a.generation(r.Context(), q.Text("generation"))
	if err != nil {
		return web.Reply{}, err
	}
	rows, err := a.scan(r.Context(), info, lane, after, limit)
	if err != nil {
		return web.Reply{}, err
	}
	page := RowsPage{Generation: info.ID, Lane: lane, Rows: make([]View, 0, len(rows))}
	for i := range rows {
		page.Rows = append(page.Rows, viewRow(info.ID, &rows[i]))
	}
	if datastore.MoreRows(rows, limit) {
		page.Next = web.EncodeEntity(rows[len(rows)-1].Entity)
	}
	return web.Answer(http.StatusOK, page), nil
}

// generation finds a generation by its id, "" for the active one.
func (a *Entities) generation(ctx context.Context, id string) (datastore.Info, error) {
	registry, err := a.Registry.Load(ctx)
	if err != nil {
		return datastore.Info{}, err
	}
	if id == "" {
		id = registry.Active
	}
	info, found := registry.Find(id)
	if !found {
		return datastore.Info{}, web.NewProblem(http.StatusNotFound, "generation-not-found",
			"there is no such generation: GET /generations lists them all")
	}
	return *info, nil
}

// scan reads rows. A lost generation is a problem, not an empty page.
func (a *Entities) scan(
	ctx context.Context, info datastore.Info, lane event.Lane, after string, limit int,
) ([]datastore.Row, error) {
	generation := a.Generations.Open(info.ID)
	rows, err := generation.Scan(ctx, lane, after, limit)
	if err == nil && info.Consumes() {
		_, _, err = generation.Mark(ctx, datastore.LiveMark, lane)
	}
	if datastore.IsGone(err) || (err == nil && info.Loss != nil) {
		return nil, web.GenerationLost(info.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("scan generation %s: %w", info.ID, err)
	}
	return rows, nil
}
