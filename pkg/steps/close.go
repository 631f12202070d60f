package steps

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reprise/pkg/replay/lifecycle"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/replay"
)

// EndedExecution is the detail of a "Step Functions Execution Status Change"
// event.
type EndedExecution struct {
	Machine string `json:"stateMachineArn"`
	Name    string `json:"name"`
	Status  string `json:"status"`
	Error   string `json:"error"`
	Cause   string `json:"cause"`
}

// CloseReplay closes the replay of an execution that was stopped, failed or timed
// out, and drops what the replay created.
type CloseReplay struct {
	Replays *lifecycle.Service
	// Machine is the ARN of the replay state machine. Handle ignores executions of
	// other machines and child executions.
	Machine string
	Log     *slog.Logger
}

// Handle is idempotent. It returns the id of the replay, "" for an ignored
// execution.
func (h *CloseReplay) Handle(ctx context.Context, e events.CloudWatchEvent) (id string, err error) {
	var ended EndedExecution
	if err := json.Unmarshal(e.Detail, &ended); err != nil {
		return "", fmt.Errorf("decode ended execution: %w", err)
	}
	if ended.Machine != h.Machine {
		return "", nil
	}
	var failure *replay.Failure
	if ended.Error != "" || ended.Cause != "" {
		failure = &replay.Failure{Error: ended.Error, Cause: ended.Cause}
	}
	if err := h.Replays.Ended(ctx, ended.Name, lifecycle.ExecutionStatus(ended.Status), failure); err != nil {
		return ended.Name, err
	}
	h.Log.LogAttrs(
		ctx,
		slog.LevelInfo,
		"replay closed",
		slog.String("replay", ended.Name),
		slog.String("status", ended.Status),
	)
	return ended.Name, nil
}
