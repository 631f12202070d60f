package verifications

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/projection"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/verify"
)

const (
	defaultPage = 100
	maxPage     = 500
)

// Verifications serves verifications. It is safe for concurrent use.
type Verifications struct {
	Service *verify.Service
	Store   verify.Store
	// Replay shows a replay, or returns replay.ErrNotFound; nil shows none.
	Replay func(ctx context.Context, id string) (lifecycle.View, error)
	Log    *slog.Logger
}

// Start is the body of POST /verifications.
type Start struct {
	// Name is the verification's id; if it is "", the platform chooses one.
	Name string `json:"name,omitempty"`
	// Input is a verify.Request; without one the active generation is verified.
	Input json.RawMessage `json:"input,omitempty"`
}

// Page is a part of the list of verifications, ascending by id.
type Page struct {
	Verifications []View `json:"verifications"`
	// Next is the parameter after of the next page, absent on the last.
	Next string `json:"next,omitempty"`
}

// DifferencesPage is the samples of what was found in some lanes.
type DifferencesPage struct {
	Differences []verify.Difference `json:"differences"`
	// Next is the parameter after of the next page, absent on the last.
	Next string `json:"next,omitempty"`
}

// Begin serves POST /verifications.
func (v *Verifications) Begin(r *http.Request) (web.Reply, error) {
	var start Start
	if err := web.DecodeBody(r, &start); err != nil {
		return web.Reply{}, err
	}
	if len(start.Input) == 0 || string(start.Input) == "null" {
		start.Input = json.RawMessage("{}")
	}
	request, err := verify.ParseRequest(start.Input)
	if err != nil {
		return web.Reply{}, problem(err)
	}
	row, created, err := v.Service.Start(r.Context(), start.Name, request)
	if err != nil {
		return web.Reply{}, problem(err)
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
		v.Log.LogAttrs(r.Context(), slog.LevelInfo, "verification started", slog.String("verification", row.ID))
	}
	view, err := v.show(r.Context(), row)
	return web.Answer(status, view), err
}

// Cancel serves POST /verifications/{id}/cancel.
func (v *Verifications) Cancel(r *http.Request) (web.Reply, error) {
	if err := web.NoBody(r); err != nil {
		return web.Reply{}, err
	}
	row, err := v.Service.Cancel(r.Context(), r.PathValue("id"))
	if err != nil {
		return web.Reply{}, problem(err)
	}
	v.Log.LogAttrs(r.Context(), slog.LevelInfo, "verification cancelled", slog.String("verification", row.ID))
	view, err := v.show(r.Context(), row)
	return web.Answer(http.StatusOK, view), err
}

// Get serves GET /verifications/{id}.
func (v *Verifications) Get(r *http.Request) (web.Reply, error) {
	row, err := v.Store.Load(r.Context(), r.PathValue("id"))
	if err != nil {
		return web.Reply{}, problem(err)
	}
	view, err := v.show(r.Context(), row)
	return web.Answer(http.StatusOK, view), err
}

var errPageFull = errors.New("page is full")

// List serves GET /verifications.
func (v *Verifications) List(r *http.Request) (web.Reply, error) {
	q := web.NewQuery(r, "after", "limit")
	after, limit := q.Text("after"), q.Number("limit", defaultPage, 1, maxPage)
	if after != "" && verify.CheckID(after) != nil {
		q.Fail(web.BadParameter("after", "must be the next of an earlier page"))
	}
	if err := q.Err(); err != nil {
		return web.Reply{}, err
	}
	page := Page{Verifications: []View{}}
	err := v.Store.List(r.Context(), after, func(row verify.Row) error {
		if len(page.Verifications) == limit {
			page.Next = page.Verifications[limit-1].ID
			return errPageFull
		}
		page.Verifications = append(page.Verifications, summary(row))
		return nil
	})
	if err != nil && !errors.Is(err, errPageFull) {
		return web.Reply{}, err
	}
	return web.Answer(http.StatusOK, page), nil
}

// Differences serves GET /verifications/{id}/differences: the samples that are kept of
// each lane, more than a report has.
func (v *Verifications) Differences(r *http.Request) (web.Reply, error) {
	q := web.NewQuery(r, "after")
	after := q.Text("after")
	if _, err := strconv.ParseUint(after, 10, 16); after != "" && err != nil {
		q.Fail(web.BadParameter("after", "must be the next of an earlier page"))
	}
	if err := q.Err(); err != nil {
		return web.Reply{}, err
	}
	id := r.PathValue("id")
	if _, err := v.Store.Load(r.Context(), id); err != nil {
		return web.Reply{}, problem(err)
	}
	page := DifferencesPage{Differences: []verify.Difference{}}
	last := ""
	err := v.Store.EachLane(r.Context(), id, func(lane string, p verify.Progress) error {
		switch {
		case lane <= after:
			return nil
		case len(page.Differences) >= defaultPage:
			page.Next = last
			return errPageFull
		}
		page.Differences, last = append(page.Differences, p.Findings.Samples...), lane
		return nil
	})
	if err != nil && !errors.Is(err, errPageFull) {
		return web.Reply{}, err
	}
	return web.Answer(http.StatusOK, page), nil
}

// problem turns the errors of verifications into answers.
func problem(err error) error {
	switch {
	case errors.Is(err, verify.ErrRequest):
		return web.NewProblem(http.StatusBadRequest, "invalid-verification", verify.Reason(err))
	case errors.Is(err, verify.ErrNotFound):
		return web.NewProblem(http.StatusNotFound, "verification-not-found",
			"no verification has this id: GET /verifications lists them all")
	case errors.Is(err, verify.ErrExists):
		return web.NewProblem(http.StatusConflict, "verification-exists",
			"a verification of this name was started with another input: choose another name")
	case errors.Is(err, verify.ErrEnded):
		return web.NewProblem(http.StatusConflict, "verification-ended", "the verification has ended")
	case errors.Is(err, verify.ErrBusy):
		return web.NewProblem(http.StatusConflict, "verification-running",
			"another verification of the generation is running: GET /verifications shows it; wait for its end or cancel it")
	case errors.Is(err, verify.ErrReplayExists):
		return web.NewProblem(http.StatusConflict, "replay-exists",
			"a replay of this name exists, and a verification of depth rebuild has a replay of its own name: "+
				"choose another name")
	case errors.Is(err, datastore.ErrThrowaway):
		return web.NewProblem(http.StatusConflict, "generation-throwaway",
			"the generation is the throwaway of a verification, which verifies it itself")
	case errors.Is(err, verify.ErrUnknownGeneration):
		return web.NewProblem(http.StatusConflict, "generation-unknown",
			"no such generation follows the event stream: GET /generations lists those that do")
	case errors.Is(err, datastore.ErrLost):
		return web.NewProblem(http.StatusConflict, "generation-lost",
			"the generation is lost, and known to differ: rebuild it")
	case errors.Is(err, projection.ErrOtherVersion):
		return web.NewProblem(http.StatusConflict, "other-version",
			"the generation belongs to another version of the projections than the code that would verify it: "+
				"rebuild it with this version first")
	}
	return err
}
