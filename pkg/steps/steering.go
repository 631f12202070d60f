package steps

import (
	"context"

	"reprise/pkg/projection/rowdiff"
	"reprise/pkg/replay/lifecycle"
)

// AwaitResume makes the execution of a replay wait that is paused, or asks for an approval.
type AwaitResume struct{ Replays *lifecycle.Service }

// WaitInput is a replay and the task token of its execution's step.
type WaitInput struct {
	Replay string `json:"replay"`
	Token  string `json:"token"`
	Execution
}

// Work is like StepInput.Work.
func (in WaitInput) Work() (id, worker string) { return in.Replay, "" }

// WaitOutput says why an execution waits. The history of the execution shows it as the
// output of TaskSubmitted, while the execution waits.
type WaitOutput struct {
	Replay string `json:"replay"`
	// Why is a sentence, and Next what lets the replay go on.
	Why  string `json:"why"`
	Next string `json:"next"`
	// Comparison is what the promotion that is asked about would change.
	Comparison *rowdiff.Report `json:"comparison,omitempty"`
}

// Handle is idempotent. The step ends once somebody answers the token: whoever resumes
// or cancels the replay, or Handle itself if that has already happened.
func (h *AwaitResume) Handle(ctx context.Context, in WaitInput) (WaitOutput, error) {
	if err := h.Replays.Park(ctx, in.Replay, in.Token); err != nil {
		return WaitOutput{}, fault(err)
	}
	row, err := h.Replays.Store.Load(ctx, in.Replay)
	if err != nil {
		return WaitOutput{}, fault(err)
	}
	out := WaitOutput{Replay: in.Replay, Why: "paused by a person", Next: "resume the replay, or cancel it"}
	switch {
	case row.Asking() && !row.Paused && !row.Cancel:
		out.Why = "asks whether generation " + row.Generation + " may become the active one"
		compared, err := h.Replays.Store.LoadComparison(ctx, in.Replay)
		if err != nil {
			return WaitOutput{}, fault(err)
		}
		if compared != nil {
			out.Comparison = &compared.Report
		}
		out.Next = "approve: promote the generation; or decline: cancel the replay, or drop the generation"
	case !row.Paused:
		out.Why, out.Next = "resumed or cancelled meanwhile", ""
	case row.PausedBy != nil:
		out.Why = "paused: " + row.PausedBy.Cause
		out.Next = "raise the budget and then resume the replay, or cancel it"
	}
	return out, nil
}
