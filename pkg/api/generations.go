package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"reprise/pkg/datastore"
)

// GenerationsView lists the generations of the Data Store.
type GenerationsView struct {
	// Active is what readers are shown.
	Active      string           `json:"active"`
	Generations []GenerationView `json:"generations"`
}

// GenerationView is one generation.
type GenerationView struct {
	datastore.Info
	// Lost is set where it should follow the event stream but lacks events or
	// its marks; Loss says more once that is recorded.
	Lost bool `json:"lost"`
}

func (a *API) getGenerations(r *http.Request) (reply, error) {
	if err := newQuery(r).err(); err != nil {
		return reply{}, err
	}
	view, err := a.generationsView(r.Context())
	if err != nil {
		return reply{}, err
	}
	return answer(http.StatusOK, view), nil
}

func (a *API) generationsView(ctx context.Context) (GenerationsView, error) {
	registered, err := a.Registry.Load(ctx)
	if err != nil {
		return GenerationsView{}, err
	}
	view := GenerationsView{Active: registered.Active, Generations: []GenerationView{}}
	for _, info := range registered.Generations {
		shown := GenerationView{Info: info, Lost: info.Loss != nil}
		if info.Consumes() && !shown.Lost {
			_, err := datastore.LiveMarks(ctx, a.Generations.Open(info.ID), a.Lanes.Count())
			if shown.Lost = isLost(err); err != nil && !shown.Lost {
				return GenerationsView{}, fmt.Errorf("look at generation %s: %w", info.ID, err)
			}
		}
		view.Generations = append(view.Generations, shown)
	}
	return view, nil
}

// WipeRequest names the generation to empty. It must be the active one, which
// the caller therefore has read.
type WipeRequest struct {
	Generation string `json:"generation"`
}

// Wiped is the generation that was emptied.
type Wiped struct {
	Generation string `json:"generation"`
}

// wipe empties the active generation, rows and marks. It is lost then, until a
// rebuild replaces it; the log is not touched.
func (a *API) wipe(r *http.Request) (reply, error) {
	var request WipeRequest
	if err := decodeBody(r, &request); err != nil {
		return reply{}, err
	}
	if _, err := a.active(r.Context()); err != nil {
		return reply{}, err
	}
	// The loss is recorded first, in the document that says which one is active:
	// what is half empty is lost as well, and no promotion that comes in between
	// has its generation emptied.
	err := a.Registry.LoseActive(r.Context(), request.Generation, datastore.Loss{Why: "it was emptied on request"})
	if errors.Is(err, datastore.ErrNotActive) {
		return reply{}, problem(http.StatusConflict, "generation-not-active",
			"generation must name the active one: read GET /generations and decide again")
	}
	if err == nil {
		err = a.Generations.Clear(r.Context(), request.Generation)
	}
	if err != nil && !isLost(err) {
		return reply{}, fmt.Errorf("wipe generation %s: %w", request.Generation, err)
	}
	a.Log.LogAttrs(r.Context(), slog.LevelWarn, "generation wiped", slog.String("generation", request.Generation))
	return answer(http.StatusOK, Wiped(request)), nil
}
