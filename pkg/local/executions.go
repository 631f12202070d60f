package local

import (
	"context"
	"errors"

	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
	"reprise/pkg/replay"
)

const (
	// machineName is the name of the replay state machine.
	machineName = "replay"
	region      = "local"
	account     = "000000000000"
)

func executionARN(name string) string {
	return "arn:aws:states:" + region + ":" + account + ":execution:" + machineName + ":" + name
}

// executions starts and stops executions on the runner.
type executions struct{ engine *engine.Engine }

func (e executions) Start(ctx context.Context, name string, input []byte) error {
	_, err := e.engine.Start(ctx, machineName, name, input)
	if errors.Is(err, states.ErrExecutionAlreadyExists) {
		return nil
	}
	return err
}

func (e executions) Exists(ctx context.Context, name string) (bool, error) {
	_, err := e.engine.Describe(ctx, executionARN(name))
	if errors.Is(err, states.ErrExecutionDoesNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (e executions) Stop(ctx context.Context, name, errorName, cause string) error {
	_, err := e.engine.Stop(ctx, executionARN(name), errorName, cause)
	if errors.Is(err, states.ErrExecutionDoesNotExist) {
		return nil
	}
	return err
}

// onEnd closes the replay of an execution that has ended, as a rule on ended
// executions does on AWS.
func onEnd(service *replay.Service) func(context.Context, states.Execution) error {
	return func(ctx context.Context, ended states.Execution) error {
		var failure *replay.Failure
		if ended.Error != "" || ended.Cause != "" {
			failure = &replay.Failure{Error: ended.Error, Cause: ended.Cause}
		}
		return service.Ended(ctx, ended.Name, replay.ExecutionStatus(ended.Status), failure)
	}
}
