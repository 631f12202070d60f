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
	// Active is the id of the generation that readers see.
	Active      string           `json:"active"`
	Generations []GenerationView `json:"generations"`
}

// GenerationView is one generation.
type GenerationView struct {
	datastore.Info
	// Lost is set if the generation should follow the event stream but lacks
	// events or marks; once that is recorded, Loss has the details.
	Lost bool `json:"lost"`
}

func (a *API) getGenerations(r *http.Request) (reply, error) {
	view, _, err := a.generationsView(r.Context())
	return answer(http.StatusOK, view), err
}

// generationsView also returns the live marks of the active generation, as far as
// they were read.
func (a *API) generationsView(ctx context.Context) (view GenerationsView, active []datastore.Mark, err error) {
	registry, err := a.Registry.Load(ctx)
	if err != nil {
		return view, nil, err
	}
	view = GenerationsView{Active: registry.Active, Generations: []GenerationView{}}
	for _, info := range registry.Generations {
		shown := GenerationView{Info: info, Lost: info.Loss != nil}
		if info.Consumes() && !shown.Lost {
			marks, err := datastore.LiveMarks(ctx, a.Generations.Open(info.ID), a.Lanes.Count())
			if shown.Lost = isLost(err); err != nil && !shown.Lost {
				return view, nil, fmt.Errorf("look at generation %s: %w", info.ID, err)
			}
			if info.ID == registry.Active {
				active = marks
			}
		}
		view.Generations = append(view.Generations, shown)
	}
	return view, active, nil
}

// WipeRequest names the generation to empty. It must be the active one, so that
// no caller empties a generation without knowing which.
type WipeRequest struct {
	Generation string `json:"generation"`
}

// Wiped is the generation that was emptied.
type Wiped struct {
	Generation string `json:"generation"`
}

// wipe removes the rows and marks of the active generation. The generation is
// then lost until a rebuild replaces it; the log is not touched.
func (a *API) wipe(r *http.Request) (reply, error) {
	var request WipeRequest
	if err := decodeBody(r, &request); err != nil {
		return reply{}, err
	}
	if _, err := a.active(r.Context()); err != nil {
		return reply{}, err
	}
	// The loss is recorded before anything is removed, since a half-empty
	// generation is lost too. The same document says which generation is active,
	// so a promotion in between cannot have its generation emptied.
	err := a.Registry.LoseActive(r.Context(), request.Generation, datastore.Loss{Why: "it was emptied on request"})
	if errors.Is(err, datastore.ErrNotActive) {
		return reply{}, problem(http.StatusConflict, "generation-not-active",
			"generation must name the active generation: read GET /generations and decide again")
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
