package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"reprise/pkg/api/web"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/request"
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

func (a *API) listReplays(r *http.Request) (web.Reply, error) {
	q := web.NewQuery(r, "after", "limit")
	after, limit := q.Text("after"), q.Number("limit", defaultReplays, 1, maxReplays)
	if after != "" && replay.CheckID(after) != nil {
		q.Fail(web.BadParameter("after", "must be the next of an earlier page"))
	}
	if err := q.Err(); err != nil {
		return web.Reply{}, err
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
		return web.Reply{}, err
	}
	return web.Answer(http.StatusOK, page), nil
}

func (a *API) getReplay(r *http.Request) (web.Reply, error) {
	row, err := a.Viewer.Store.Load(r.Context(), r.PathValue("id"))
	if err != nil {
		return web.Reply{}, err
	}
	return a.showReplay(r.Context(), http.StatusOK, row)
}

// getProgress shows the progress of a replay by lane group.
func (a *API) getProgress(r *http.Request) (web.Reply, error) {
	row, err := a.Viewer.Store.Load(r.Context(), r.PathValue("id"))
	if err != nil {
		return web.Reply{}, err
	}
	detail, err := a.Viewer.Detail(r.Context(), row)
	return web.Answer(http.StatusOK, detail), err
}

func (a *API) showReplay(ctx context.Context, status int, row replay.Row) (web.Reply, error) {
	view, err := a.Viewer.View(ctx, row)
	return web.Answer(status, view), err
}

// requested reads what POST /replays and POST /plans are sent.
func requested(r *http.Request) (name string, request replay.Request, err error) {
	var start StartReplay
	if err := web.DecodeBody(r, &start); err != nil {
		return "", replay.Request{}, err
	}
	if len(start.Input) == 0 || string(start.Input) == "null" {
		return "", replay.Request{}, web.NewProblem(http.StatusBadRequest, "invalid-replay",
			"input is required: send {} to replay the whole log")
	}
	request, err = replay.ParseRequest(start.Input)
	if err == nil && request.Verification != "" {
		err = fmt.Errorf("%w: verification is set by verifications only: POST /verifications starts one of depth rebuild",
			replay.ErrRequest)
	}
	return start.Name, request, err
}

func (a *API) startReplay(r *http.Request) (web.Reply, error) {
	name, request, err := requested(r)
	if err != nil {
		return web.Reply{}, err
	}
	row, created, err := a.Replays.Start(r.Context(), name, request)
	if err != nil {
		return web.Reply{}, err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
		a.Log.LogAttrs(r.Context(), slog.LevelInfo, "replay started", slog.String("replay", row.ID))
	}
	return a.showReplay(r.Context(), status, row)
}

func (a *API) cancelReplay(r *http.Request) (web.Reply, error) {
	return a.steer(r, "replay cancelled", a.Replays.Cancel)
}

func (a *API) pauseReplay(r *http.Request) (web.Reply, error) {
	return a.steer(r, "replay paused", a.Replays.Pause)
}

func (a *API) resumeReplay(r *http.Request) (web.Reply, error) {
	return a.steer(r, "replay resumed", a.Replays.Resume)
}

// SetRate is the body of POST /replays/{id}/rate.
type SetRate struct {
	// Rate is in events per second, 0 for no limit.
	Rate *int `json:"rate"`
}

func (a *API) setRate(r *http.Request) (web.Reply, error) {
	var set SetRate
	if err := web.DecodeBody(r, &set); err != nil {
		return web.Reply{}, err
	}
	if set.Rate == nil {
		return web.Reply{}, web.NewProblem(http.StatusBadRequest, "invalid-replay", "rate is required: 0 is no limit")
	}
	row, err := a.Replays.SetRate(r.Context(), r.PathValue("id"), *set.Rate)
	if err != nil {
		return web.Reply{}, err
	}
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, "rate of replay set", slog.String("replay", row.ID),
		slog.Int("rate", *set.Rate))
	return a.showReplay(r.Context(), http.StatusOK, row)
}

// SetBudget is the body of POST /replays/{id}/budget.
type SetBudget struct {
	// Budget is a request.Budget, or null for none. It is required.
	Budget json.RawMessage `json:"budget"`
}

func (a *API) setBudget(r *http.Request) (web.Reply, error) {
	var set SetBudget
	if err := web.DecodeBody(r, &set); err != nil {
		return web.Reply{}, err
	}
	if set.Budget == nil {
		return web.Reply{}, web.NewProblem(http.StatusBadRequest, "invalid-replay",
			"budget is required: give dollars or readUnits, or null for none")
	}
	limit, err := request.BudgetOrNone(set.Budget)
	if err != nil {
		return web.Reply{}, err
	}
	row, err := a.Replays.SetBudget(r.Context(), r.PathValue("id"), limit)
	if err != nil {
		return web.Reply{}, err
	}
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, "budget of replay set", slog.String("replay", row.ID),
		slog.String("budget", limit.String()))
	return a.showReplay(r.Context(), http.StatusOK, row)
}

// SetParallelism is the body of POST /replays/{id}/parallelism.
type SetParallelism struct {
	// Parallelism is how many segment readers run at a time.
	Parallelism *int `json:"parallelism"`
}

func (a *API) setParallelism(r *http.Request) (web.Reply, error) {
	var set SetParallelism
	if err := web.DecodeBody(r, &set); err != nil {
		return web.Reply{}, err
	}
	if set.Parallelism == nil {
		return web.Reply{}, web.NewProblem(http.StatusBadRequest, "invalid-replay", "parallelism is required")
	}
	row, err := a.Replays.SetParallelism(r.Context(), r.PathValue("id"), *set.Parallelism)
	if err != nil {
		return web.Reply{}, err
	}
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, "parallelism of replay set", slog.String("replay", row.ID),
		slog.Int("parallelism", *set.Parallelism))
	return a.showReplay(r.Context(), http.StatusOK, row)
}

func (a *API) continueReplay(r *http.Request) (web.Reply, error) {
	return a.steer(r, "replay continued", a.Replays.Continue)
}

// steer does something with a replay, logs it, and shows the replay.
func (a *API) steer(
	r *http.Request, done string, do func(ctx context.Context, id string) (replay.Row, error),
) (web.Reply, error) {
	if err := web.NoBody(r); err != nil {
		return web.Reply{}, err
	}
	row, err := do(r.Context(), r.PathValue("id"))
	if err != nil {
		return web.Reply{}, err
	}
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, done, slog.String("replay", row.ID))
	return a.showReplay(r.Context(), http.StatusOK, row)
}
