package steps

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"reprise/pkg/event/strict"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/request"
)

// ControlReplay steers a replay. It is the only step of the control state machine,
// with which people steer replays from the Step Functions console.
type ControlReplay struct {
	Replays *lifecycle.Service
	Log     *slog.Logger
}

// ControlInput is the input of an execution of the control state machine, as it was
// given.
type ControlInput struct {
	Input json.RawMessage `json:"input"`
}

// ControlOutput is the replay after the request. Its status is as in its view.
type ControlOutput struct {
	Replay  string        `json:"replay"`
	Status  replay.Status `json:"status"`
	Pausing bool          `json:"pausing"`
	// PausedBy is why the replay paused by itself, if it did.
	PausedBy *replay.PauseReason `json:"pausedBy,omitempty"`
}

// asked is the input of an execution of the control state machine, decoded.
type asked struct {
	Replay *string `json:"replay"`
	Action *string `json:"action"`
	// Rate and Parallelism are the values of the actions that set them.
	Rate        *int `json:"rate"`
	Parallelism *int `json:"parallelism"`
	// Budget is that of set-budget; null lifts the budget.
	Budget json.RawMessage `json:"budget"`
}

// action is something that can be asked of a replay.
type action struct {
	// value is the member that the action needs, "" for none.
	value string
	do    func(ctx context.Context, id string, in asked) (replay.Row, error)
}

// actions are what can be asked of a replay, by name.
func (h *ControlReplay) actions() map[string]action {
	plain := func(do func(context.Context, string) (replay.Row, error)) action {
		return action{do: func(ctx context.Context, id string, _ asked) (replay.Row, error) { return do(ctx, id) }}
	}
	return map[string]action{
		"pause":    plain(h.Replays.Pause),
		"resume":   plain(h.Replays.Resume),
		"cancel":   plain(h.Replays.Cancel),
		"continue": plain(h.Replays.Continue),
		"set-rate": {"rate", func(ctx context.Context, id string, in asked) (replay.Row, error) {
			return h.Replays.SetRate(ctx, id, *in.Rate)
		}},
		"set-parallelism": {"parallelism", func(ctx context.Context, id string, in asked) (replay.Row, error) {
			return h.Replays.SetParallelism(ctx, id, *in.Parallelism)
		}},
		"set-budget": {"budget", func(ctx context.Context, id string, in asked) (replay.Row, error) {
			limit, err := request.BudgetOrNone(in.Budget)
			if err != nil {
				return replay.Row{}, err
			}
			return h.Replays.SetBudget(ctx, id, limit)
		}},
	}
}

// Handle is idempotent. It refuses an unknown replay and any input but the members
// "replay", "action" and the value that the action sets as FaultInvalidInput, and what the
// replay's state does not allow as FaultConflict; both change nothing.
func (h *ControlReplay) Handle(ctx context.Context, in ControlInput) (ControlOutput, error) {
	decoded, err := h.parse(in.Input)
	if err != nil {
		return ControlOutput{}, fault(err)
	}
	id, name := *decoded.Replay, *decoded.Action
	row, err := h.actions()[name].do(ctx, id, decoded)
	text := ""
	if err != nil {
		text = err.Error()
	}
	h.Log.LogAttrs(
		ctx,
		slog.LevelInfo,
		"replay controlled",
		slog.String("replay", id),
		slog.String("action", name),
		slog.String("error", text),
	)
	if err != nil {
		return ControlOutput{}, fault(err)
	}
	view := lifecycle.Summary(row)
	return ControlOutput{Replay: view.ID, Status: view.Status, Pausing: view.Pausing,
		PausedBy: view.PausedBy}, nil
}

func (h *ControlReplay) parse(raw []byte) (in asked, err error) {
	if err := strict.Unmarshal(raw, &in); err != nil {
		return in, fmt.Errorf("%w: %w", replay.ErrRequest, err)
	}
	all := h.actions()
	known := slices.Sorted(maps.Keys(all))
	switch {
	case in.Replay == nil:
		return in, fmt.Errorf("%w: replay is missing: give the replay's name", replay.ErrRequest)
	case replay.CheckID(*in.Replay) != nil:
		return in, fmt.Errorf("replay: %w", replay.CheckID(*in.Replay))
	case in.Action == nil:
		return in, fmt.Errorf("%w: action is missing: give one of %s", replay.ErrRequest, strings.Join(known, ", "))
	case !slices.Contains(known, *in.Action):
		return in, fmt.Errorf("%w: action must be one of %s", replay.ErrRequest, strings.Join(known, ", "))
	}
	return in, in.checkValues(all[*in.Action].value)
}

// checkValues refuses a value that is missing, and one that the action does not set.
func (in asked) checkValues(wanted string) error {
	for _, value := range []struct {
		name  string
		given bool
	}{{"rate", in.Rate != nil}, {"parallelism", in.Parallelism != nil}, {"budget", in.Budget != nil}} {
		switch {
		case value.name == wanted && !value.given:
			return fmt.Errorf("%w: %s is missing", replay.ErrRequest, value.name)
		case value.name != wanted && value.given:
			return fmt.Errorf("%w: %s does not belong to the action %s", replay.ErrRequest, value.name, *in.Action)
		}
	}
	return nil
}
