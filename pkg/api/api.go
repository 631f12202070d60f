package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// Replays starts and cancels replays; *lifecycle.Service does.
type Replays interface {
	// Start enters and starts a replay; created is false where the same one
	// was asked for before. Errors: replay.ErrRequest, replay.ErrExists.
	Start(ctx context.Context, name string, request replay.Request) (row replay.Row, created bool, err error)
	// Cancel stops a replay. Errors: replay.ErrNotFound, replay.ErrEnded,
	// replay.ErrPromoted.
	Cancel(ctx context.Context, id string) (replay.Row, error)
}

// API serves every route but those of Load: it reads the log, the Data Store
// and replays, and starts what operators ask for. It is safe for concurrent
// use.
type API struct {
	Registry    datastore.Registry
	Generations datastore.Generations
	Heads       eventlog.Heads
	EventLog    eventlog.Log
	Lanes       *event.Lanes
	Buckets     replay.EntityBuckets
	Replays     Replays
	Viewer      *lifecycle.Viewer
	Platform    Platform
	// Log gets what went wrong inside, which no response tells, and every act
	// that empties or stops something.
	Log *slog.Logger
}

type apiHandler func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)

// Handle serves a request by its route key. Every error is answered with a
// problem document; the error that it returns is always nil.
func (a *API) Handle(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	serve := a.handler(req.RouteKey)
	if serve == nil {
		return problem(http.StatusNotFound, "no-route", "there is no such route; openapi.yaml lists them all").response(), nil
	}
	response, err := serve(ctx, req)
	if err != nil {
		return a.failed(ctx, req.RouteKey, err).response(), nil
	}
	return response, nil
}

func (a *API) handler(routeKey string) apiHandler {
	switch routeKey {
	case routeEntity:
		return a.getEntity
	case routeHistory:
		return a.getHistory
	case routeRows:
		return a.getRows
	case routeLanes:
		return a.getLanes
	case routeStatus:
		return a.getStatus
	case routeGenerations:
		return a.getGenerations
	case routeReplays:
		return a.listReplays
	case routeReplay:
		return a.getReplay
	case routeStartReplay:
		return a.startReplay
	case routeCancelReplay:
		return a.cancelReplay
	case routeWipe:
		return a.wipe
	}
	return nil
}

// Error makes a problem an error, so that a handler can return it as one.
func (p *Problem) Error() string { return p.Detail }

// Kind is the part of the type that tells problems apart, "" for a problem of
// another service.
func (p *Problem) Kind() string {
	kind, _ := strings.CutPrefix(p.Type, problemPrefix)
	if kind == p.Type {
		return ""
	}
	return kind
}

// failed turns an error into the problem that clients are told. What is not
// meant for them goes to the log.
func (a *API) failed(ctx context.Context, routeKey string, err error) *Problem {
	var told *Problem
	if errors.As(err, &told) {
		return told
	}
	if known := knownFailure(err); known != nil {
		return known
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return retryLater("timeout", "the request took too long; ask again, for less at a time")
	}
	a.Log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("route", routeKey), slog.String("error", err.Error()))
	return problem(http.StatusInternalServerError, "internal",
		"the platform could not answer; its own log has the reason. A retry may help")
}

func knownFailure(err error) *Problem {
	switch {
	case errors.Is(err, replay.ErrRequest):
		return problem(http.StatusBadRequest, "invalid-replay", reason(err, replay.ErrRequest))
	case errors.Is(err, replay.ErrNotFound):
		return problem(http.StatusNotFound, "replay-not-found", "there is no replay of that id; GET /replays lists them all")
	case errors.Is(err, replay.ErrExists):
		return problem(http.StatusConflict, "replay-exists",
			"a replay of that name was started with another input: choose another name")
	case errors.Is(err, replay.ErrEnded):
		return problem(http.StatusConflict, "replay-ended", "the replay has ended: there is nothing to cancel any more")
	case errors.Is(err, replay.ErrPromoted):
		return problem(http.StatusConflict, "replay-promoted",
			"the replay has made its generation active: there is nothing to cancel; "+
				"another rebuild that is promoted replaces it")
	case errors.Is(err, datastore.ErrThrottled), errors.Is(err, eventlog.ErrThrottled), errors.Is(err, feed.ErrThrottled):
		return retryLater("throttled", "a store takes no more at present")
	}
	return nil
}

// reason is the text that stands behind a sentinel error's own.
func reason(err, sentinel error) string {
	_, after, found := bytes.Cut([]byte(err.Error()), []byte(sentinel.Error()+": "))
	if !found {
		return sentinel.Error()
	}
	return string(after)
}

func retryLater(kind, detail string) *Problem {
	p := problem(http.StatusServiceUnavailable, kind, detail)
	p.RetryAfter = retrySeconds
	return p
}

// lostProblem says that the active generation cannot be read.
func lostProblem(generation string) *Problem {
	return problem(http.StatusServiceUnavailable, "generation-lost", fmt.Sprintf(
		"the active generation %s is lost; the log has everything: rebuild it with reprise replay start --rebuild --promote",
		generation))
}

// answer encodes a body without escaping for HTML, so that events and states
// keep their bytes.
func answer(status int, body any) (events.APIGatewayV2HTTPResponse, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return events.APIGatewayV2HTTPResponse{}, fmt.Errorf("encode response: %w", err)
	}
	return events.APIGatewayV2HTTPResponse{
		StatusCode: status,
		Headers:    map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"},
		Body:       text.String(),
	}, nil
}
