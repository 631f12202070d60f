package api_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"reprise/pkg/api/entities"
	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// flipping makes another generation active while a row is being read.
type flipping struct {
	datastore.Generations
	flip func()
}

func (f *flipping) Open(id string) datastore.Generation {
	return &flippingGeneration{f.Generations.Open(id), f}
}

type flippingGeneration struct {
	datastore.Generation
	of *flipping
}

func (g *flippingGeneration) Rows(ctx context.Context, lane event.Lane, entities []string) (map[string]datastore.Row,
	error) {
	if flip := g.of.flip; flip != nil {
		g.of.flip = nil
		flip()
	}
	return g.Generation.Rows(ctx, lane, entities)
}

func TestReadDuringAPromotionUsesTheNewGeneration(t *testing.T) {
	w := newAPIWorld(t)
	w.send(`{"specversion":"1.0","id":"1","source":"s","type":"account.opened","subject":"a",` +
		`"time":"2026-03-01T00:00:00Z","data":{"owner":"Ada"}}`)
	w.flow()
	ctx := t.Context()
	info, err := w.registry.Begin(ctx, "r", "accounts@1,repofiles@1")
	must(t, err)
	must(t, w.generations.Create(ctx, info.ID))
	lane := w.api.Lanes.Of("a")
	for lane := range event.Lane(apiLanes) {
		must(t, datastore.BeginMark(ctx, w.generations.Open(info.ID), lane, eventlog.Head{}, nil))
	}
	rows, err := w.generations.Open("g0001").Rows(ctx, lane, []string{"a"})
	must(t, err)
	_, err = w.generations.Open(info.ID).WriteRows(ctx, lane, []datastore.RowWrite{{Row: rows["a"]}})
	must(t, err)
	must(t, w.registry.Follow(ctx, info.ID, datastore.Cut{}))
	w.api.Generations = &flipping{Generations: w.generations, flip: func() {
		hold, err := w.registry.Hold(ctx, "r", time.Minute)
		must(t, err)
		must(t, w.registry.Flip(ctx, info.ID, "r", hold))
	}}
	response := w.ask(asked{route: "GET /entities/{id}", id: web.EncodeEntity("a")})
	var view entities.View
	must(t, json.Unmarshal([]byte(response.Body), &view))
	if response.StatusCode != 200 || view.Generation != info.ID {
		t.Errorf("%d %s: want the row of generation %s", response.StatusCode, response.Body, info.ID)
	}
}
