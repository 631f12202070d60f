package steps

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/verify"
)

// EndedExecution is the detail of a "Step Functions Execution Status Change"
// event.
type EndedExecution struct {
	Machine string `json:"stateMachineArn"`
	Name    string `json:"name"`
	Input   string `json:"input"`
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
	// Verifications ends verifications whose execution, of the state machine with the
	// ARN VerifyMachine, ended without a report.
	Verifications *verify.Service
	VerifyMachine string
	// Wake lets the keeper look soon for consumers of generations that are gone.
	Wake func(context.Context) error
	Log  *slog.Logger
}

// Handle is idempotent. It returns the id of the replay, "" for an ignored
// execution.
func (h *CloseReplay) Handle(ctx context.Context, e events.CloudWatchEvent) (id string, err error) {
	var ended EndedExecution
	if err := json.Unmarshal(e.Detail, &ended); err != nil {
		return "", fmt.Errorf("decode ended execution: %w", err)
	}
	switch ended.Machine {
	case h.Machine:
		return h.closeReplay(ctx, &ended)
	case h.VerifyMachine:
		return "", h.closeVerification(ctx, &ended)
	}
	return "", nil
}

// closeVerification ends the verification of an execution, and drops what it has built.
func (h *CloseReplay) closeVerification(ctx context.Context, ended *EndedExecution) error {
	if err := h.endVerification(ctx, ended); err != nil {
		return err
	}
	row, err := h.Verifications.Store.Load(ctx, ended.Name)
	switch {
	case errors.Is(err, verify.ErrNotFound): // its input was refused
		return nil
	case err != nil || row.Request.Depth != verify.Rebuild:
		return err
	}
	return errors.Join(h.Replays.Closer.Sweep(ctx), h.Wake(ctx))
}

// endVerification ends the verification of an execution, unless that has reported.
func (h *CloseReplay) endVerification(ctx context.Context, ended *EndedExecution) error {
	if ended.Status == "SUCCEEDED" {
		return h.Verifications.Released(ctx, ended.Name)
	}
	failure := &verify.Failure{Error: cmp.Or(ended.Error, "Reprise.ExecutionEnded"),
		Cause: cmp.Or(ended.Cause, "the execution ended without a report: "+ended.Status)}
	return h.Verifications.Ended(ctx, ended.Name, failure)
}

func (h *CloseReplay) closeReplay(ctx context.Context, ended *EndedExecution) (id string, err error) {
	var failure *replay.Failure
	if ended.Error != "" || ended.Cause != "" {
		failure = &replay.Failure{Error: ended.Error, Cause: ended.Cause}
	}
	id, continues := lifecycle.ParseContinuation([]byte(ended.Input))
	if !continues {
		id = ended.Name
	}
	if err := h.Replays.Ended(ctx, id, ended.Name, lifecycle.ExecutionStatus(ended.Status), failure); err != nil {
		return id, err
	}
	h.Log.LogAttrs(
		ctx,
		slog.LevelInfo,
		"replay closed",
		slog.String("replay", id),
		slog.String("execution", ended.Name),
		slog.String("status", ended.Status),
	)
	return id, nil
}
