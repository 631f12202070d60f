package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

const (
	defaultReplays = 100
	maxReplays     = 500
)

// ReplaysPage is a part of all replays, ascending by id. Progress is not
// counted in it.
type ReplaysPage struct {
	Replays []lifecycle.View `json:"replays"`
	// Next is the parameter after of the next page, absent on the last.
	Next string `json:"next,omitempty"`
}

// StartReplay asks for a replay.
type StartReplay struct {
	// Name is the replay's id; "" lets the platform choose one. The same name
	// with the same input is the same replay.
	Name string `json:"name,omitempty"`
	// Input is a replay.Request. It must be there, since {} replays the whole
	// log.
	Input json.RawMessage `json:"input"`
}

var errPageFull = errors.New("page is full")

func (a *API) listReplays(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	q := newQuery(req, "after", "limit")
	after, limit := q.text("after"), q.number("limit", defaultReplays, 1, maxReplays)
	if after != "" && replay.CheckID(after) != nil {
		q.fail(badParameter("after", "is no replay's id"))
	}
	if err := q.err(); err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	page := ReplaysPage{Replays: []lifecycle.View{}}
	err := a.Viewer.Store.List(ctx, func(row replay.Row) error {
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
		return events.APIGatewayV2HTTPResponse{}, err
	}
	return answer(http.StatusOK, page)
}

func (a *API) getReplay(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	if err := newQuery(req).err(); err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	row, err := a.Viewer.Store.Load(ctx, req.PathParameters["id"])
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	return a.showReplay(ctx, http.StatusOK, row)
}

func (a *API) showReplay(ctx context.Context, status int, row replay.Row) (events.APIGatewayV2HTTPResponse, error) {
	view, err := a.Viewer.View(ctx, row)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	return answer(status, view)
}

func (a *API) startReplay(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	var asked StartReplay
	if err := decodeBody(req, &asked); err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	if len(asked.Input) == 0 || string(asked.Input) == "null" {
		return events.APIGatewayV2HTTPResponse{}, problem(http.StatusBadRequest, "invalid-replay",
			"input is required; {} replays the whole log")
	}
	request, err := replay.ParseRequest(asked.Input)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	row, created, err := a.Replays.Start(ctx, asked.Name, request)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
		a.Log.LogAttrs(ctx, slog.LevelInfo, "replay started", slog.String("replay", row.ID))
	}
	return a.showReplay(ctx, status, row)
}

func (a *API) cancelReplay(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	if err := newQuery(req).err(); err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	row, err := a.Replays.Cancel(ctx, req.PathParameters["id"])
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	a.Log.LogAttrs(ctx, slog.LevelInfo, "replay cancelled", slog.String("replay", row.ID))
	return a.showReplay(ctx, http.StatusOK, row)
}
