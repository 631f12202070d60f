package steps

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"reprise/pkg/meter/spending"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// ReportReplay gives a replay its final status.
type ReportReplay struct {
	Closer *lifecycle.Closer
	Viewer *lifecycle.Viewer
	// Spending keeps what the report itself used, and the transitions; nil keeps
	// nothing, and the rest is not needed then.
	Spending *spending.Recorder
	// Transitions counts those that an execution, by its replay's id, and its
	// children have made so far.
	Transitions func(ctx context.Context, id string) (int, error)
	Now         func() time.Time
	Log         *slog.Logger
}

const (
	// countingLimit bounds the counting of transitions, which reads a history for
	// each child. Closing needs the rest of the time.
	countingLimit = time.Minute
	// transitionsAfter is what comes behind the report: the state that ends the
	// execution.
	transitionsAfter = 1
)

// ReportInput is how the execution ends; no error is success.
type ReportInput struct {
	Replay string `json:"replay"`
	Error  string `json:"error"`
	Cause  string `json:"cause"`
}

// Work is as StepInput's.
func (in ReportInput) Work() (id, worker string) { return in.Replay, "" }

// Handle is idempotent. Its output is the execution's: the replay as people
// are shown it. That the cost cannot be kept or counted does not fail it.
func (h *ReportReplay) Handle(ctx context.Context, in ReportInput) (lifecycle.View, error) {
	status, failure := replay.Succeeded, (*replay.Failure)(nil)
	if in.Error != "" {
		status, failure = replay.Failed, &replay.Failure{Error: in.Error, Cause: plainCause(in.Cause)}
	}
	h.countTransitions(ctx, in.Replay)
	row, err := h.Closer.Close(ctx, in.Replay, status, failure)
	if errors.Is(err, replay.ErrNotFound) {
		// The input was refused before a row was made of it.
		return lifecycle.View{ID: in.Replay, Status: status, Phase: status, Failure: failure}, nil
	}
	if err != nil {
		return lifecycle.View{}, fault(err)
	}
	h.keep(ctx, in)
	view, err := h.Viewer.View(ctx, row)
	if err != nil {
		return lifecycle.View{}, fault(err)
	}
	return view, nil
}

// countTransitions comes before the replay is closed: whoever waits for its end
// is shown them.
func (h *ReportReplay) countTransitions(ctx context.Context, id string) {
	if h.Spending == nil {
		return
	}
	n, err := h.count(ctx, id)
	if err == nil {
		err = h.Spending.SetTransitions(ctx, id, n+transitionsAfter)
	}
	if err != nil {
		h.Log.LogAttrs(ctx, slog.LevelWarn, "transitions not counted", slog.String("replay", id), slog.String("error", err.Error()))
	}
}

// keep keeps what the report used so far, so that its output shows it.
func (h *ReportReplay) keep(ctx context.Context, in ReportInput) {
	id, worker := in.Work()
	if err := h.Spending.Keep(ctx, id, worker); err != nil {
		h.Log.LogAttrs(ctx, slog.LevelWarn, "cost not kept", slog.String("replay", id), slog.String("error", err.Error()))
	}
}

func (h *ReportReplay) count(ctx context.Context, id string) (int, error) {
	ctx, cancel := context.WithDeadline(ctx, budget(ctx, h.Now(), countingLimit))
	defer cancel()
	return h.Transitions(ctx, id)
}

// plainCause takes the message out of the JSON that Lambda reports as a cause.
func plainCause(cause string) string {
	var reported struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal([]byte(cause), &reported) == nil && reported.Message != "" {
		return reported.Message
	}
	return cause
}
