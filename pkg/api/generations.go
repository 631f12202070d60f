package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"reprise/pkg/api/entities"
	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/verify"
)

// GenerationsView lists the generations of the Data Store.
type GenerationsView struct {
	// Active is the id of the generation that readers see.
	Active string `json:"active"`
	// Previous was active before Active and is kept to go back to, "" for none.
	Previous    string           `json:"previous,omitempty"`
	Generations []GenerationView `json:"generations"`
}

// GenerationView is one generation.
type GenerationView struct {
	datastore.Info
	// Lost is set if the generation should follow the event stream but lacks
	// events or marks; once that is recorded, Loss has the details.
	Lost bool `json:"lost"`
	// Detail is what GET /generations finds out about it, nil in GET /status.
	Detail *GenerationDetail `json:"detail,omitempty"`
}

// GenerationDetail says what a generation holds, and until when it is kept.
type GenerationDetail struct {
	// Events are the events of the log that were taken into it, nil if its marks are
	// gone, and Behind how many more the log has; nil unless it follows the log.
	Events *int64 `json:"events"`
	Behind *int64 `json:"behind"`
	// Parked counts its parked entities.
	Parked entities.Bounded `json:"parked"`
	// Bytes is about what it takes, as it was some hours ago at most, nil if its table is
	// gone.
	Bytes *int64 `json:"bytes"`
	// Verified is the last verification of it that came to a result, nil if there is none.
	Verified *Verified `json:"verified,omitempty"`
	// KeptUntil is until when it is kept for its failed replay to be continued, nil for
	// others.
	KeptUntil *time.Time `json:"keptUntil,omitempty"`
}

// Verified is what a verification has found in a generation.
type Verified struct {
	Verification string        `json:"verification"`
	Status       verify.Status `json:"status"`
	At           time.Time     `json:"at"`
	// Rows and Events count what was compared.
	Rows   int64 `json:"rows"`
	Events int64 `json:"events"`
}

// verified returns the last result for each generation.
func (a *API) verified(ctx context.Context) (map[string]*Verified, error) {
	last := make(map[string]*Verified)
	err := a.Verifications.Store.List(ctx, "", func(row verify.Row) error {
		if row.Status != verify.Clean && row.Status != verify.Drift || row.Ended == nil || row.Report == nil {
			return nil
		}
		if known := last[row.Generation]; known == nil || known.At.Before(*row.Ended) {
			last[row.Generation] = &Verified{row.ID, row.Status, *row.Ended, row.Report.Rows, row.Report.Events}
		}
		return nil
	})
	return last, err
}

func (a *API) getGenerations(r *http.Request) (web.Reply, error) {
	view, _, err := a.generationsView(r.Context())
	if err != nil {
		return web.Reply{}, err
	}
	logged := int64(0)
	heads, err := a.Heads.LoadAll(r.Context(), a.Lanes.Count())
	for i := range heads {
		logged += heads[i].Count
	}
	var verified map[string]*Verified
	if err == nil {
		verified, err = a.verified(r.Context())
	}
	for i := range view.Generations {
		if g := &view.Generations[i]; err == nil {
			if g.Detail, err = a.generationDetail(r.Context(), g, logged); err == nil {
				g.Detail.Verified = verified[g.ID]
				g.Detail.Bytes, err = a.generationBytes(r.Context(), g.ID)
			}
		}
	}
	return web.Answer(http.StatusOK, view), err
}

func (a *API) generationBytes(ctx context.Context, id string) (*int64, error) {
	bytes, err := a.Generations.Size(ctx, id)
	if datastore.IsGone(err) {
		return nil, nil
	}
	return &bytes, err
}

// generationDetail looks at a generation, of a log with so many events.
func (a *API) generationDetail(ctx context.Context, view *GenerationView, logged int64) (*GenerationDetail, error) {
	detail := &GenerationDetail{Parked: entities.Bounded{Complete: true}}
	var row replay.Row
	var err error
	if view.Replay != "" {
		if row, err = a.Viewer.Store.Load(ctx, view.Replay); err != nil && !errors.Is(err, replay.ErrNotFound) {
			return nil, err
		}
	}
	if row.Generation == view.ID {
		detail.KeptUntil = row.KeptUntil()
	}
	switch {
	case view.Lost:
		return detail, nil
	case view.Consumes():
		marks, missing, err := a.liveMarks(ctx, view.ID)
		if err != nil || missing {
			return detail, err
		}
		events := int64(0)
		for i := range marks {
			events += marks[i].Ordinal
		}
		behind := max(0, logged-events)
		detail.Events, detail.Behind = &events, &behind
	case row.Generation == view.ID:
		shown, err := a.Viewer.View(ctx, row)
		if err != nil {
			return nil, err
		}
		detail.Events = &shown.Progress.Consumed
	}
	if detail.Parked, err = a.CountParkedOf(ctx, view.Info); datastore.IsGone(err) {
		return detail, nil
	}
	return detail, err
}

// generationsView also returns the live marks of the active generation, as far as
// they were read.
func (a *API) generationsView(ctx context.Context) (view GenerationsView, active []datastore.Mark, err error) {
	registry, err := a.Registry.Load(ctx)
	if err != nil {
		return view, nil, err
	}
	view = GenerationsView{Active: registry.Active, Previous: registry.Previous, Generations: []GenerationView{}}
	for _, info := range registry.Generations {
		shown := GenerationView{Info: info, Lost: info.Loss != nil}
		if info.Consumes() && !shown.Lost {
			marks, err := datastore.LiveMarks(ctx, a.Generations.Open(info.ID), a.Lanes.Count())
			if shown.Lost = datastore.IsGone(err); err != nil && !shown.Lost {
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
func (a *API) wipe(r *http.Request) (web.Reply, error) {
	var request WipeRequest
	if err := web.DecodeBody(r, &request); err != nil {
		return web.Reply{}, err
	}
	if _, err := a.Active(r.Context()); err != nil {
		return web.Reply{}, err
	}
	// The loss is recorded before anything is removed, since a half-empty
	// generation is lost too. The same document says which generation is active,
	// so a promotion in between cannot have its generation emptied.
	err := a.Registry.LoseActive(r.Context(), request.Generation, datastore.Loss{Why: "it was emptied on request"})
	if errors.Is(err, datastore.ErrNotActive) {
		return web.Reply{}, web.NewProblem(http.StatusConflict, "generation-not-active",
			"generation must name the active generation: read GET /generations and decide again")
	}
	if err == nil {
		err = a.Generations.Clear(r.Context(), request.Generation)
	}
	if err != nil && !datastore.IsGone(err) {
		return web.Reply{}, fmt.Errorf("wipe generation %s: %w", request.Generation, err)
	}
	a.Log.LogAttrs(r.Context(), slog.LevelWarn, "generation wiped", slog.String("generation", request.Generation))
	return web.Answer(http.StatusOK, Wiped(request)), nil
}
