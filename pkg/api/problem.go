package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/replay"
)

// Problem is a problem document (RFC 9457). Nothing internal stands in it.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Event is the index, from 0, of the event at fault in a batch, Attribute
	// the attribute at fault.
	Event     *int   `json:"event,omitempty"`
	Attribute string `json:"attribute,omitempty"`
	// RetryAfter is in seconds; 0 means that a retry cannot help.
	RetryAfter int `json:"retryAfter,omitempty"`
	// headers go with the response, beside those of every problem.
	headers map[string]string
}

const problemPrefix = "urn:reprise:problem:"

func problem(status int, kind, detail string) *Problem {
	return &Problem{Type: problemPrefix + kind, Title: http.StatusText(status), Status: status, Detail: detail}
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

// told is the problem that a client is told of an error. What is not meant for
// clients goes to the log.
func told(r *http.Request, log *slog.Logger, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	if known := knownFailure(err); known != nil {
		return known
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return retryLater("timeout", "the request took too long; ask again, for less at a time")
	}
	log.LogAttrs(r.Context(), slog.LevelError, "request failed",
		slog.String("route", r.Pattern), slog.String("error", err.Error()))
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
	_, after, found := strings.Cut(err.Error(), sentinel.Error()+": ")
	if !found {
		return sentinel.Error()
	}
	return after
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
