package web

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
	// Headers are sent in addition to those of every problem.
	Headers map[string]string `json:"-"`
}

// RetrySeconds is how long clients are asked to wait.
const RetrySeconds = 2

const problemPrefix = "urn:reprise:problem:"

// NewProblem makes a problem; kind identifies it, detail says what to do.
func NewProblem(status int, kind, detail string) *Problem {
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

// ProblemFor is the answer to a request that failed with err. Internal errors go
// to the log instead of the client.
func ProblemFor(r *http.Request, log *slog.Logger, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	if known := KnownFailure(err); known != nil {
		return known
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return RetryLater("timeout", "the request took too long: try again, and ask for less at a time")
	}
	log.LogAttrs(r.Context(), slog.LevelError, "request failed",
		slog.String("route", r.Pattern), slog.String("error", err.Error()))
	return NewProblem(http.StatusInternalServerError, "internal",
		"the platform could not answer, and its log has the reason: try again")
}

// KnownFailure returns the problem of an error that clients may know of, nil for others.
func KnownFailure(err error) *Problem {
	switch {
	case errors.Is(err, storefault.ErrFull):
		return DiskFull("the platform's disk is full: free some space; reads go on")
	case errors.Is(err, storefault.ErrDamaged):
		// Without Retry-After, because a retry cannot help.
		return NewProblem(http.StatusServiceUnavailable, "storage-damaged",
			"a part of the stored data that this request needs cannot be read, and only a backup can help: "+
				"GET /status lists the damaged files; everything else works")
	case errors.Is(err, storefault.ErrFailed):
		return NewProblem(http.StatusServiceUnavailable, "storage-failed",
			"the platform's disk failed during a write: reads go on, and writes work again once the platform was restarted")
	case errors.Is(err, replay.ErrRequest):
		return NewProblem(http.StatusBadRequest, "invalid-replay", reason(err, replay.ErrRequest))
	case errors.Is(err, replay.ErrNotFound):
		return NewProblem(http.StatusNotFound, "replay-not-found", "no replay has this id: GET /replays lists them all")
	case errors.Is(err, replay.ErrExists):
		return NewProblem(http.StatusConflict, "replay-exists",
			"a replay of this name was started with another input: choose another name")
	case errors.Is(err, replay.ErrEnded):
		return NewProblem(http.StatusConflict, "replay-ended",
			"the replay has ended: it can no longer be cancelled, paused or resumed")
	case errors.Is(err, replay.ErrNotFailed):
		return NewProblem(http.StatusConflict, "replay-not-failed",
			"only a replay that has failed can be continued: GET /replays/{id} says what it is; a paused one is resumed")
	case errors.Is(err, replay.ErrCannotContinue):
		return NewProblem(http.StatusConflict, "replay-not-continuable",
			"the replay cannot be continued: start a new one: "+strings.TrimSpace(after(err, replay.ErrCannotContinue)))
	case errors.Is(err, replay.ErrPromoted):
		return NewProblem(http.StatusConflict, "replay-promoted",
			"the replay has made its generation active and can no longer be cancelled or paused: "+
				"to replace the generation, start another rebuild and promote it")
	case errors.Is(err, replay.ErrOverBudget):
		return NewProblem(http.StatusConflict, "replay-over-budget",
			"the budget of the replay is used up ("+reason(err, replay.ErrOverBudget)+
				"): raise it with POST /replays/{id}/budget first, then resume the replay")
	case errors.Is(err, replay.ErrPromoting):
		return NewProblem(http.StatusConflict, "replay-promoting",
			"the replay is just making its generation active, which takes seconds and cannot be paused")
	case errors.Is(err, datastore.ErrThrottled), errors.Is(err, eventlog.ErrThrottled), errors.Is(err, feed.ErrThrottled):
		return RetryLater("throttled", "a store accepts no more requests at present: try again")
	}
	return nil
}

// DiskFull is the problem of a write to a full disk.
func DiskFull(detail string) *Problem {
	p := NewProblem(http.StatusInsufficientStorage, "disk-full", detail)
	p.RetryAfter = RetrySeconds
	return p
}

// after is the text that follows the sentinel's own text in err.
func after(err, sentinel error) string {
	_, text, _ := strings.Cut(err.Error(), sentinel.Error())
	return text
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
func Busy(detail string) *Problem { return RetryLater("busy", detail) }

// RetryLater is a problem that a retry can help.
func RetryLater(kind, detail string) *Problem {
	p := NewProblem(http.StatusServiceUnavailable, kind, detail)
	p.RetryAfter = RetrySeconds
	return p
}

// KeysUnavailable is the answer while the keys of personal fields cannot be read or made.
func KeysUnavailable(detail string) *Problem {
	return RetryLater("keys-unavailable", "the keys of personal fields cannot be used at present: "+detail)
}

// GenerationLost answers a read of a generation that is lost.
func GenerationLost(generation string) *Problem {
	return NewProblem(http.StatusServiceUnavailable, "generation-lost", fmt.Sprintf(
		"generation %s is lost, but the log has every event: rebuild it with reprise replay start --rebuild --promote",
		generation))
}
