package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/api"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
	"reprise/pkg/local/emulate"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/steps"
)

const (
	// machineName is the name of the replay state machine.
	machineName = "replay"
	// controlName is the name of the state machine that steers replays.
	controlName = "control"
	// verifyName is the name of the state machine of verifications.
	verifyName = "verify"
	region     = "local"
	account    = "000000000000"
	machineARN = arnPrefix + machineName
	verifyARN  = arnPrefix + verifyName
	arnPrefix  = "arn:aws:states:" + region + ":" + account + ":stateMachine:"
)

func executionARN(name string) string { return executionOf(machineName, name) }

func executionOf(machine, name string) string {
	return "arn:aws:states:" + region + ":" + account + ":execution:" + machine + ":" + name
}

// executions starts and stops executions of a state machine.
type executions struct {
	*Platform
	machine string
}

func (e executions) Start(ctx context.Context, name string, input []byte) error {
	_, err := e.engine.Load().Start(ctx, e.machine, name, input)
	if errors.Is(err, states.ErrExecutionAlreadyExists) {
		return nil
	}
	return err
}

func (e executions) State(ctx context.Context, name string) (lifecycle.ExecutionStatus, error) {
	execution, err := e.engine.Load().Describe(ctx, executionOf(e.machine, name))
	if errors.Is(err, states.ErrExecutionDoesNotExist) {
		return lifecycle.ExecutionUnknown, nil
	}
	return lifecycle.ExecutionStatus(execution.Status), err
}

func (e executions) Stop(ctx context.Context, name, errorName, cause string) error {
	_, err := e.engine.Load().Stop(ctx, executionOf(e.machine, name), errorName, cause)
	if errors.Is(err, states.ErrExecutionDoesNotExist) {
		return nil
	}
	return err
}

const (
	// takesUp is how long Release waits for the engine, which takes up the executions
	// that it finds one after the other when it begins, and takesUpPoll how often it
	// looks.
	takesUp     = 5 * time.Second
	takesUpPoll = 20 * time.Millisecond
)

func (e executions) Release(ctx context.Context, token string, output []byte) error {
	ctx, cancel := context.WithTimeout(ctx, takesUp)
	defer cancel()
	err := e.engine.Load().SendTaskSuccess(token, output)
	for errors.Is(err, states.ErrStopped) && emulate.Sleep(ctx, takesUpPoll) == nil {
		err = e.engine.Load().SendTaskSuccess(token, output)
	}
	if errors.Is(err, states.ErrTaskTimedOut) || errors.Is(err, states.ErrTaskDoesNotExist) ||
		errors.Is(err, states.ErrInvalidToken) {
		return nil
	}
	return err
}

// SetConcurrency implements lifecycle.Executions. A map run may end in between; then
// there is none to change.
func (e executions) SetConcurrency(ctx context.Context, name string, n int) error {
	runner := e.engine.Load()
	runs, err := runner.ListMapRuns(ctx, executionARN(name))
	if errors.Is(err, states.ErrExecutionDoesNotExist) {
		return nil
	}
	for _, run := range runs {
		if run.Status != states.StatusRunning {
			continue
		}
		err = runner.UpdateMapRun(ctx, run.MapRunArn, engine.RunUpdate{MaxConcurrency: &n})
		if errors.Is(err, states.ErrMapRunDoesNotExist) {
			err = nil
		}
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
			Input:   string(ended.Input),
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

// Running implements api.Platform.
func (s status) Running(ctx context.Context) ([]api.ExecutionStatus, error) {
	running := engine.ListFilter{Machine: machineName, Status: states.StatusRunning, Limit: 100}
	page, err := s.engine.Load().List(ctx, running)
	if err != nil {
		return nil, err
	}
	var all []api.ExecutionStatus
	for _, e := range page.Executions {
		all = append(
			all,
			api.ExecutionStatus{Machine: machineName, Name: e.Name, Status: string(e.Status), Started: e.StartDate},
		)
	}
	return all, nil
}

// Execution implements api.Executions, as the next three methods do.
func (s status) Execution(ctx context.Context, name string) (states.Execution, error) {
	return s.engine.Load().Describe(ctx, executionARN(name))
}

// Child looks at the children of one map run after the other, the newest first.
func (s status) Child(ctx context.Context, name string, group int) (states.Execution, error) {
	machine := s.engine.Load()
	runs, err := machine.ListMapRuns(ctx, executionARN(name))
	if err != nil {
		return states.Execution{}, err
	}
	for _, run := range slices.Backward(runs) {
		page, err := machine.List(ctx, engine.ListFilter{MapRunArn: run.MapRunArn})
		for ; err == nil; page, err = machine.List(ctx, engine.ListFilter{MapRunArn: run.MapRunArn, After: page.Next}) {
			for i := range page.Executions {
				child, err := machine.Describe(ctx, page.Executions[i].ExecutionArn)
				if err != nil || api.ReadsGroup(child.Input, group) {
					return child, err
				}
			}
			if page.Next == "" {
				break
			}
		}
		if err != nil {
			return states.Execution{}, err
		}
	}
	return states.Execution{}, states.ErrExecutionDoesNotExist
}

func (s status) Definition(ctx context.Context, arn string) (json.RawMessage, error) {
	_, definition, err := s.engine.Load().Definition(ctx, arn)
	return definition, err
}

func (s status) Events(ctx context.Context, arn string, after int64, limit int) ([]states.Event, bool, error) {
	page, err := s.engine.Load().History(ctx, arn, after+1, limit, false)
	return page.Events, page.Next != 0, err
}
