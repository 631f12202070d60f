package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// Execution names the execution that invokes a step; "" for one that began under an
// earlier release.
type Execution struct {
	Name string `json:"execution"`
}

// Invoked is the name of the execution.
func (e Execution) Invoked() string { return e.Name }

// Invoked is the input of a step that names its replay and its execution.
type Invoked interface {
	Work() (id, worker string)
	Invoked() (execution string)
}

// Current wraps a step: it refuses with FaultSuperseded an execution that does not carry
// the replay out any more, such as one that was redriven after its replay was continued.
func Current[In Invoked, Out any](store replay.Store, step func(context.Context, In) (Out, error),
) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (Out, error) {
		id, _ := in.Work()
		if err := store.CheckExecution(ctx, id, in.Invoked()); err != nil {
			var none Out
			return none, fault(err)
		}
		return step(ctx, in)
	}
}

// resume makes an execution the one that continues a failed replay.
func (h *PlanReplay) resume(ctx context.Context, in PlanInput) (id string, err error) {
	id, continues := lifecycle.ParseContinuation(in.Input)
	if !continues {
		return "", fmt.Errorf(`%w: to continue a replay, give {"continue":"NAME"} and nothing else`,
			replay.ErrRequest)
	}
	_, err = h.Replays.Adopt(ctx, id, in.Replay)
	if errors.Is(err, replay.ErrNotFound) {
		err = fmt.Errorf("%w: continue: %w", replay.ErrRequest, err)
	}
	return id, err
}

// continues reports whether an input has the member that continues a replay.
func continues(input []byte) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(input, &members) != nil {
		return false
	}
	_, found := members["continue"]
	return found
}
