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
	"reprise/pkg/storefault"
)

// Problem is a problem document (RFC 9457). It shows nothing internal.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Event is the index in the batch, from 0, of the event at fault; Attribute
	// is the attribute at fault.
	Event     *int   `json:"event,omitempty"`
	Attribute string `json:"attribute,omitempty"`
	// RetryAfter is in seconds; 0 means that a retry cannot help.
	RetryAfter int `json:"retryAfter,omitempty"`
	// headers are sent in addition to those of every problem.
	headers map[string]string
}

const problemPrefix = "urn:reprise:problem:"

func problem(status int, kind, detail string) *Problem {
	return &Problem{Type: problemPrefix + kind, Title: http.StatusText(status), Status: status, Detail: detail}
}

// Error implements error, so that a handler can return a problem.
func (p *Problem) Error() string { return p.Detail }

// Kind is the part of the type that identifies the problem, "" for a problem of
// another service.
func (p *Problem) Kind() string {
	if kind, ok := strings.CutPrefix(p.Type, problemPrefix); ok {
		return kind
	}
	return ""
}

// problemFor is the answer to a request that failed with err. Internal errors go
// to the log instead of the client.
func problemFor(r *http.Request, log *slog.Logger, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	if known := knownFailure(err); known != nil {
		return known
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return retryLater("timeout", "the request took too long: try again, and ask for less at a time")
	}
	log.LogAttrs(r.Context(), slog.LevelError, "request failed",
		slog.String("route", r.Pattern), slog.String("error", err.Error()))
	return problem(http.StatusInternalServerError, "internal",
		"the platform could not answer, and its log has the reason: try again")
}

func knownFailure(err error) *Problem {
	switch {
	case errors.Is(err, storefault.ErrFull):
		return fullProblem("the platform's disk is full: free some space; reads go on")
	case errors.Is(err, storefault.ErrDamaged):
		// Without Retry-After, because a retry cannot help.
		return problem(http.StatusServiceUnavailable, "storage-damaged",
			"a part of the stored data that this request needs cannot be read, and only a backup can help: "+
				"GET /status lists the damaged files; everything else works")
	case errors.Is(err, storefault.ErrFailed):
		return problem(http.StatusServiceUnavailable, "storage-failed",
			"the platform's disk failed during a write: reads go on, and writes work again once the platform was restarted")
	case errors.Is(err, replay.ErrRequest):
		return problem(http.StatusBadRequest, "invalid-replay", reason(err, replay.ErrRequest))
	case errors.Is(err, replay.ErrNotFound):
		return problem(http.StatusNotFound, "replay-not-found", "no replay has this id: GET /replays lists them all")
	case errors.Is(err, replay.ErrExists):
		return problem(http.StatusConflict, "replay-exists",
			"a replay of this name was started with another input: choose another name")
	case errors.Is(err, replay.ErrEnded):
		return problem(http.StatusConflict, "replay-ended", "the replay has ended and can no longer be cancelled")
	case errors.Is(err, replay.ErrPromoted):
		return problem(http.StatusConflict, "replay-promoted",
			"the replay has made its generation active and can no longer be cancelled: "+
				"to replace the generation, start another rebuild and promote it")
	case errors.Is(err, datastore.ErrThrottled), errors.Is(err, eventlog.ErrThrottled), errors.Is(err, feed.ErrThrottled):
		return retryLater("throttled", "a store accepts no more requests at present: try again")
	}
	return nil
}

func fullProblem(detail string) *Problem {
	p := problem(http.StatusInsufficientStorage, "disk-full", detail)
	p.RetryAfter = retrySeconds
	return p
}

// reason is the text that follows the sentinel's own text in err.
func reason(err, sentinel error) string {
	_, after, found := strings.Cut(err.Error(), sentinel.Error()+": ")
	if !found {
		return sentinel.Error()
	}
	return after
}

// Busy is the problem of a platform that has too much to do at present.
func Busy(detail string) *Problem { return retryLater("busy", detail) }

func retryLater(kind, detail string) *Problem {
	p := problem(http.StatusServiceUnavailable, kind, detail)
	p.RetryAfter = retrySeconds
	return p
}

// lostProblem answers a read of a generation that is lost.
func lostProblem(generation string) *Problem {
	return problem(http.StatusServiceUnavailable, "generation-lost", fmt.Sprintf(
		"generation %s is lost, but the log has every event: rebuild it with reprise replay start --rebuild --promote",
		generation))
}
