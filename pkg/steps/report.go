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
	// Spending records the cost of the report and the state transitions. If it is
	// nil, nothing is recorded and the following fields are not needed.
	Spending *spending.Recorder
	// Transitions counts the state transitions so far of an execution and its child
	// executions.
	Transitions func(ctx context.Context, execution string) (int, error)
	Now         func() time.Time
	Log         *slog.Logger
}

const (
	// countingLimit is the share of the time in which transitions are counted,
	// which reads a history for each child execution. Closing needs the rest.
	countingLimit = time.Minute
	// transitionsAfter counts the state after the report, which ends the
	// execution.
	transitionsAfter = 1
)

// ReportInput is how the execution ends: successfully if there is no error.
type ReportInput struct {
	Replay string `json:"replay"`
	Error  string `json:"error"`
	Cause  string `json:"cause"`
	Execution
}

// Work is like StepInput.Work.
func (in ReportInput) Work() (id, worker string) { return in.Replay, "" }

// Handle is idempotent. Its output, the view of the replay, becomes the
// execution's output. It succeeds even if the cost cannot be recorded or counted.
func (h *ReportReplay) Handle(ctx context.Context, in ReportInput) (lifecycle.View, error) {
	status, failure := replay.Succeeded, (*replay.Failure)(nil)
	if in.Error != "" {
		status, failure = replay.Failed, &replay.Failure{Error: in.Error, Cause: plainCause(in.Cause)}
	}
	h.countTransitions(ctx, in.Replay)
	row, err := h.Closer.CloseExecution(ctx, in.Replay, in.Name, status, failure)
	if errors.Is(err, replay.ErrNotFound) || (errors.Is(err, replay.ErrSuperseded) && failure != nil) {
		// The input was refused before a row was created, or a replay was not continued.
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

// countTransitions runs before the replay is closed, so that the final view shows
// the transitions.
func (h *ReportReplay) countTransitions(ctx context.Context, id string) {
	if h.Spending == nil {
		return
	}
	n, err := h.count(ctx, id)
	if err == nil {
		err = h.Spending.SetTransitions(ctx, id, n+transitionsAfter)
	}
	if err != nil {
		h.Log.LogAttrs(
			ctx,
			slog.LevelWarn,
			"transitions not counted",
			slog.String("replay", id),
			slog.String("error", err.Error()),
		)
	}
}

// keep records the cost of the report so far, so that its output shows it.
func (h *ReportReplay) keep(ctx context.Context, in ReportInput) {
	id, worker := in.Work()
	if err := h.Spending.Keep(ctx, id, worker); err != nil {
		h.Log.LogAttrs(ctx, slog.LevelWarn, "cost not kept", slog.String("replay", id), slog.String("error", err.Error()))
	}
}

// count adds up the transitions of all executions of a replay.
func (h *ReportReplay) count(ctx context.Context, id string) (int, error) {
	ctx, cancel := context.WithDeadline(ctx, budget(ctx, h.Now(), countingLimit))
	defer cancel()
	row, err := h.Closer.Store.Load(ctx, id)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, name := range append([]string{id}, row.Executions...) {
		n, err := h.Transitions(ctx, name)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// plainCause extracts the message from the JSON that Lambda reports as a cause.
func plainCause(cause string) string {
	var reported struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal([]byte(cause), &reported) == nil && reported.Message != "" {
		return reported.Message
	}
	return cause
}
