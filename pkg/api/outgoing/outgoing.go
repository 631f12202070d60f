package outgoing

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"reprise/pkg/api/web"
	"reprise/pkg/effects"
	"reprise/pkg/effects/approval"
	"reprise/pkg/event"
	"reprise/pkg/replay"
)

// Outgoing serves the routes of effects. It is safe for concurrent use.
type Outgoing struct {
	// Reactor is nil without business logic that has effects; then every route says so.
	Reactor   *effects.Reactor
	Approvals approval.Store
	Replays   replay.Store
	Lanes     *event.Lanes
	// Wake has approved effects carried out soon.
	Wake func(context.Context) error
	// Log receives every look-up and decision.
	Log *slog.Logger
}

const (
	defaultPage = 100
	maxPage     = 1000
)

func (o *Outgoing) ready() error {
	if o.Reactor == nil {
		return web.NewProblem(http.StatusNotFound, "no-effects",
			"this platform has no business logic with effects: pkg/domain/service.go is where it is put in")
	}
	return nil
}

const unknownCaller = "unknown"

func caller(r *http.Request, given string) string {
	if who := web.Caller(r.Context()); who != "" {
		return who
	}
	if given != "" {
		return given
	}
	return unknownCaller
}

// looked logs a look-up of what was sent, whose bodies may be personal.
func (o *Outgoing) looked(r *http.Request, what string, at ...slog.Attr) {
	attrs := append([]slog.Attr{slog.String("what", what), slog.String("who", caller(r, ""))}, at...)
	o.Log.LogAttrs(r.Context(), slog.LevelInfo, "looked at effects", attrs...)
}

// WaitingPage is a page of the entities whose effects wait, or are parked.
type WaitingPage struct {
	Waiting []effects.Held `json:"waiting"`
	// Next is the parameter after of the next page, absent on the last.
	Next string `json:"next,omitempty"`
}

// GetWaiting serves a page of the entities whose effects wait.
func (o *Outgoing) GetWaiting(r *http.Request) (web.Reply, error) {
	q := web.NewQuery(r, "after", "limit")
	limit := q.Number("limit", defaultPage, 1, maxPage)
	after := q.Text("after")
	if err := errors.Join(q.Err(), o.ready()); err != nil {
		return web.Reply{}, err
	}
	held, next, err := o.Reactor.Ledger.Waiting(r.Context(), after, limit)
	return web.Answer(http.StatusOK, WaitingPage{held, next}), err
}

// CallsPage is a page of what was called for an entity, in the order of its events.
type CallsPage struct {
	Entity string           `json:"entity"`
	Lane   event.Lane       `json:"lane"`
	Calls  []effects.Record `json:"calls"`
	Next   string           `json:"next,omitempty"`
}

// GetCalls serves a page of the effects log of an entity.
func (o *Outgoing) GetCalls(r *http.Request) (web.Reply, error) {
	entity, err := web.PathEntity(r)
	if err != nil {
		return web.Reply{}, err
	}
	q := web.NewQuery(r, "after", "limit")
	limit := q.Number("limit", defaultPage, 1, maxPage)
	after := q.Text("after")
	if err := errors.Join(q.Err(), o.ready()); err != nil {
		return web.Reply{}, err
	}
	o.looked(r, "calls", slog.String("entity", entity))
	page := CallsPage{Entity: entity, Lane: o.Lanes.Of(entity)}
	page.Calls, page.Next, err = o.Reactor.Ledger.Page(r.Context(), page.Lane, entity, after, min(limit, callsPage))
	return web.Answer(http.StatusOK, page), err
}

// callsPage keeps a page of bodies and answers within the size of an answer.
const callsPage = 20

// ResumeRequest is a person's decision on an entity whose effects wait.
type ResumeRequest struct {
	// Happened says whether the call in doubt happened.
	Happened *bool `json:"happened,omitempty"`
	// GiveUp passes over the event's effects.
	GiveUp bool   `json:"giveUp,omitempty"`
	Reason string `json:"reason"`
	// Who asks, "" if unknown.
	Who string `json:"who,omitempty"`
}

// Resumed is what an entity waited for until it was resumed.
type Resumed struct {
	Entity string          `json:"entity"`
	Lane   event.Lane      `json:"lane"`
	Was    effects.Waiting `json:"was"`
}

// Resume lets an entity whose effects wait go on.
func (o *Outgoing) Resume(r *http.Request) (web.Reply, error) {
	entity, err := web.PathEntity(r)
	if err != nil {
		return web.Reply{}, err
	}
	var request ResumeRequest
	if err := web.DecodeBody(r, &request); err != nil {
		return web.Reply{}, err
	}
	if n := len(strings.TrimSpace(request.Reason)); n == 0 || len(request.Reason) > approval.MaxReason {
		return web.Reply{}, web.NewProblem(http.StatusBadRequest, "invalid-resolution",
			"reason must have 1 to 500 bytes: it is kept")
	}
	if err := o.ready(); err != nil {
		return web.Reply{}, err
	}
	how := effects.Resolution{
		Happened: request.Happened, GiveUp: request.GiveUp, By: caller(r, request.Who), Reason: request.Reason}
	resumed := Resumed{Entity: entity, Lane: o.Lanes.Of(entity)}
	resumed.Was, err = o.Reactor.Resume(r.Context(), resumed.Lane, entity, how)
	if err == nil {
		err = o.Wake(r.Context())
	}
	return web.Answer(http.StatusOK, resumed), problem(err)
}

// problem turns the errors of effects into answers.
func problem(err error) error {
	switch {
	case errors.Is(err, effects.ErrNotWaiting):
		return web.NewProblem(http.StatusConflict, "effects-not-waiting",
			"the effects of this entity do not wait: GET /effects/waiting lists those that do")
	case errors.Is(err, effects.ErrUndecided):
		return web.NewProblem(http.StatusConflict, "call-in-doubt",
			"it is unknown whether the call happened, and it may not be repeated: look into the system, then say "+
				"happened true or false, or giveUp")
	case errors.Is(err, approval.ErrInvalid):
		return web.NewProblem(http.StatusBadRequest, "invalid-approval", err.Error())
	case errors.Is(err, approval.ErrRunning):
		return web.NewProblem(http.StatusConflict, "approval-running",
			"another approval of this replay is being carried out: approve the rest once it has ended")
	}
	return err
}
