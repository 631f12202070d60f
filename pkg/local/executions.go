package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/asl/states"
	"reprise/pkg/steps"
)

const (
	// machineName is the name of the replay state machine.
	machineName = "replay"
	region      = "local"
	account     = "000000000000"
	machineARN  = "arn:aws:states:" + region + ":" + account + ":stateMachine:" + machineName
)

func executionARN(name string) string {
	return "arn:aws:states:" + region + ":" + account + ":execution:" + machineName + ":" + name
}

// executions starts and stops executions of the replay state machine.
type executions struct{ *Platform }

func (e executions) Start(ctx context.Context, name string, input []byte) error {
	_, err := e.engine.Load().Start(ctx, machineName, name, input)
	if errors.Is(err, states.ErrExecutionAlreadyExists) {
		return nil
	}
	return err
}

func (e executions) Exists(ctx context.Context, name string) (bool, error) {
	_, err := e.engine.Load().Describe(ctx, executionARN(name))
	if errors.Is(err, states.ErrExecutionDoesNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (e executions) Stop(ctx context.Context, name, errorName, cause string) error {
	_, err := e.engine.Load().Stop(ctx, executionARN(name), errorName, cause)
	if errors.Is(err, states.ErrExecutionDoesNotExist) {
		return nil
	}
	return err
}

// onEnd invokes close-replay for an ended execution, as an EventBridge rule does
// on AWS.
func onEnd(
	closeReplay func(context.Context, events.CloudWatchEvent) error,
) func(context.Context, states.Execution) error {
	return func(ctx context.Context, ended states.Execution) error {
		detail, err := json.Marshal(steps.EndedExecution{
			Machine: ended.StateMachineArn,
			Name:    ended.Name,
			Status:  string(ended.Status),
			Error:   ended.Error,
			Cause:   ended.Cause,
		})
		if err != nil {
			return fmt.Errorf("encode ended execution: %w", err)
		}
		return closeReplay(ctx, events.CloudWatchEvent{Detail: detail})
	}
}
