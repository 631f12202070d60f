package wiring

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// endedExecution is the detail of a "Step Functions Execution Status Change"
// event.
type endedExecution struct {
	Machine string `json:"stateMachineArn"`
	Name    string `json:"name"`
	Status  string `json:"status"`
	Error   string `json:"error"`
	Cause   string `json:"cause"`
}

// Ended is close-replay: it closes the replay of an execution that was stopped,
// failed or timed out, and drops what it created. It is idempotent. Events of
// other machines, the children of a Map among them, are passed over.
func (p *Platform) Ended(ctx context.Context, e events.CloudWatchEvent) error {
	var ended endedExecution
	if err := json.Unmarshal(e.Detail, &ended); err != nil {
		return fmt.Errorf("decode ended execution: %w", err)
	}
	if ended.Machine != p.Settings.StateMachine {
		return nil
	}
	var failure *replay.Failure
	if ended.Error != "" || ended.Cause != "" {
		failure = &replay.Failure{Error: ended.Error, Cause: ended.Cause}
	}
	err := p.service().Ended(ctx, ended.Name, lifecycle.ExecutionStatus(ended.Status), failure)
	p.keepCost(ctx, ended.Name, "")
	if err != nil {
		return err
	}
	p.Log.LogAttrs(ctx, slog.LevelInfo, "replay closed", slog.String("replay", ended.Name), slog.String("status", ended.Status))
	return p.Nudge(ctx)
}
