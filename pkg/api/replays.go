package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

const (
	defaultReplays = 100
	maxReplays     = 500
)

// ReplaysPage is a part of the list of replays, ascending by id, without their
// progress.
type ReplaysPage struct {
	Replays []lifecycle.View `json:"replays"`
	// Next is the parameter after of the next page, absent on the last.
	Next string `json:"next,omitempty"`
}

// StartReplay requests a replay.
type StartReplay struct {
	// Name is the replay's id; if it is "", the platform chooses one. The same
	// name with the same input is the same replay.
	Name string `json:"name,omitempty"`
	// Input is a replay.Request. It is required, since {} replays the whole log.
	Input json.RawMessage `json:"input"`
}

var errPageFull = errors.New("page is full")

func (a *API) listReplays(r *http.Request) (reply, error) {
	q := newQuery(r, "after", "limit")
	after, limit := q.text("after"), q.number("limit", defaultReplays, 1, maxReplays)
	if after != "" && replay.CheckID(after) != nil {
		q.fail(badParameter("after", "must be the next of an earlier page"))
	}
	if err := q.err(); err != nil {
		return reply{}, err
	}
	page := ReplaysPage{Replays: []lifecycle.View{}}
	err := a.Viewer.Store.List(r.Context(), func(row replay.Row) error {
		switch {
		case row.ID <= after:
			return nil
		case len(page.Replays) == limit:
			page.Next = page.Replays[limit-1].ID
			return errPageFull
		}
		page.Replays = append(page.Replays, lifecycle.Summary(row))
		return nil
	})
	if err != nil && !errors.Is(err, errPageFull) {
		return reply{}, err
	}
	return answer(http.StatusOK, page), nil
}

func (a *API) getReplay(r *http.Request) (reply, error) {
	row, err := a.Viewer.Store.Load(r.Context(), r.PathValue("id"))
	if err != nil {
		return reply{}, err
	}
	return a.showReplay(r.Context(), http.StatusOK, row)
}

func (a *API) showReplay(ctx context.Context, status int, row replay.Row) (reply, error) {
	view, err := a.Viewer.View(ctx, row)
	return answer(status, view), err
}

func (a *API) startReplay(r *http.Request) (reply, error) {
	var start StartReplay
	if err := decodeBody(r, &start); err != nil {
		return reply{}, err
	}
	if len(start.Input) == 0 || string(start.Input) == "null" {
		return reply{}, problem(http.StatusBadRequest, "invalid-replay",
			"input is required: send {} to replay the whole log")
	}
	request, err := replay.ParseRequest(start.Input)
	if err != nil {
		return reply{}, err
	}
	row, created, err := a.Replays.Start(r.Context(), start.Name, request)
	if err != nil {
		return reply{}, err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
		a.Log.LogAttrs(r.Context(), slog.LevelInfo, "replay started", slog.String("replay", row.ID))
	}
	return a.showReplay(r.Context(), status, row)
}

func (a *API) cancelReplay(r *http.Request) (reply, error) {
	if err := noBody(r); err != nil {
		return reply{}, err
	}
	row, err := a.Replays.Cancel(r.Context(), r.PathValue("id"))
	if err != nil {
		return reply{}, err
	}
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, "replay cancelled", slog.String("replay", row.ID))
	return a.showReplay(r.Context(), http.StatusOK, row)
}
