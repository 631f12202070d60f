package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

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

func (a *API) getGenerations(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	if err := newQuery(req).err(); err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	view, err := a.generationsView(ctx)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	return answer(http.StatusOK, view)
}

func (a *API) generationsView(ctx context.Context) (GenerationsView, error) {
	roll, err := a.Registry.Load(ctx)
	if err != nil {
		return GenerationsView{}, err
	}
	view := GenerationsView{Active: roll.Active, Generations: []GenerationView{}}
	for _, info := range roll.Generations {
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
func (a *API) wipe(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	var request WipeRequest
	if err := decodeBody(req, &request); err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	if _, err := a.active(ctx); err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	// The loss is recorded first, in the document that says which one is active:
	// what is half empty is lost as well, and no promotion that comes in between
	// has its generation emptied.
	err := a.Registry.LoseActive(ctx, request.Generation, datastore.Loss{Why: "it was emptied on request"})
	if errors.Is(err, datastore.ErrNotActive) {
		return events.APIGatewayV2HTTPResponse{}, problem(http.StatusConflict, "generation-not-active",
			"generation must name the active one: read GET /generations and decide again")
	}
	if err == nil {
		err = a.Generations.Clear(ctx, request.Generation)
	}
	if err != nil && !isLost(err) {
		return events.APIGatewayV2HTTPResponse{}, fmt.Errorf("wipe generation %s: %w", request.Generation, err)
	}
	a.Log.LogAttrs(ctx, slog.LevelWarn, "generation wiped", slog.String("generation", request.Generation))
	return answer(http.StatusOK, Wiped(request))
}
