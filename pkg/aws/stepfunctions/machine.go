package stepfunctions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"reprise/pkg/asl/states"
	"reprise/pkg/aws/awsclient"
	"reprise/pkg/replay/lifecycle"
)

// Client is the calls of Step Functions that a machine makes.
type Client interface {
	StartExecution(context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
	StopExecution(context.Context, *sfn.StopExecutionInput, ...func(*sfn.Options)) (*sfn.StopExecutionOutput, error)
	DescribeExecution(
		context.Context,
		*sfn.DescribeExecutionInput,
		...func(*sfn.Options),
	) (*sfn.DescribeExecutionOutput, error)
	DescribeStateMachineForExecution(
		context.Context,
		*sfn.DescribeStateMachineForExecutionInput,
		...func(*sfn.Options),
	) (*sfn.DescribeStateMachineForExecutionOutput, error)
	ListExecutions(context.Context, *sfn.ListExecutionsInput, ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error)
	GetExecutionHistory(
		context.Context,
		*sfn.GetExecutionHistoryInput,
		...func(*sfn.Options),
	) (*sfn.GetExecutionHistoryOutput, error)
	ListMapRuns(context.Context, *sfn.ListMapRunsInput, ...func(*sfn.Options)) (*sfn.ListMapRunsOutput, error)
	DescribeMapRun(context.Context, *sfn.DescribeMapRunInput, ...func(*sfn.Options)) (*sfn.DescribeMapRunOutput, error)
	UpdateMapRun(context.Context, *sfn.UpdateMapRunInput, ...func(*sfn.Options)) (*sfn.UpdateMapRunOutput, error)
	SendTaskSuccess(context.Context, *sfn.SendTaskSuccessInput, ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error)
	SendTaskFailure(context.Context, *sfn.SendTaskFailureInput, ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error)
	SendTaskHeartbeat(
		context.Context,
		*sfn.SendTaskHeartbeatInput,
		...func(*sfn.Options),
	) (*sfn.SendTaskHeartbeatOutput, error)
}

// ErrThrottled says that the service refuses requests at present: retry later.
var ErrThrottled = errors.New("step functions throttles requests")

// Machine is one state machine. It is safe for concurrent use. Its errors are those
// named in package states, ErrThrottled, or faults of the service; for faults a retry
// may help.
type Machine struct {
	client Client
	arn    string
}

var _ lifecycle.Executions = (*Machine)(nil)

// New returns the state machine with that ARN, such as
// arn:aws:states:us-east-1:123456789012:stateMachine:replay. It makes no call.
func New(client Client, arn string) *Machine { return &Machine{client: client, arn: arn} }

// Name is the name of the state machine.
func (m *Machine) Name() string { return nameOf(m.arn) }

// nameOf is the last part of an ARN.
func nameOf(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// ExecutionARN is the ARN of an execution of that name.
func (m *Machine) ExecutionARN(name string) string {
	return strings.Replace(m.arn, ":stateMachine:", ":execution:", 1) + ":" + name
}

// failed wraps an error with its counterpart in package states.
func failed(what string, err error) error {
	for code, sentinel := range map[string]error{
		"ExecutionAlreadyExists":   states.ErrExecutionAlreadyExists,
		"ExecutionDoesNotExist":    states.ErrExecutionDoesNotExist,
		"StateMachineDoesNotExist": states.ErrStateMachineDoesNotExist,
		"ResourceNotFound":         states.ErrMapRunDoesNotExist,
		"InvalidName":              states.ErrInvalidName,
		"InvalidArn":               states.ErrInvalidArn,
		"InvalidExecutionInput":    states.ErrInvalidInput,
		"InvalidOutput":            states.ErrInvalidOutput,
		"InvalidToken":             states.ErrInvalidToken,
		"TaskDoesNotExist":         states.ErrTaskDoesNotExist,
		"TaskTimedOut":             states.ErrTaskTimedOut,
		"ValidationException":      states.ErrValidation,
	} {
		if awsclient.HasCode(err, code) {
			return fmt.Errorf("%s: %w: %w", what, sentinel, err)
		}
	}
	return fmt.Errorf("%s: %w", what, awsclient.Throttled(err, ErrThrottled))
}

// Start implements lifecycle.Executions. The service recognizes a repeated name and
// input only while the execution runs; Start compares them for one that has ended.
func (m *Machine) Start(ctx context.Context, name string, input []byte) error {
	_, err := m.client.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: &m.arn, Name: &name, Input: aws.String(string(input))})
	if awsclient.HasCode(err, "ExecutionAlreadyExists") {
		known, describeErr := m.Describe(ctx, name)
		if describeErr != nil {
			return describeErr
		}
		if sameJSON(known.Input, input) {
			return nil
		}
	}
	if err != nil {
		return failed("start execution "+name, err)
	}
	return nil
}

// sameJSON compares without white space. An input that the service no longer knows
// counts as equal, since no name is ever used for another input.
func sameJSON(a, b []byte) bool {
	if len(a) == 0 {
		return true
	}
	var x, y bytes.Buffer
	if json.Compact(&x, a) != nil || json.Compact(&y, b) != nil {
		return bytes.Equal(a, b)
	}
	return bytes.Equal(x.Bytes(), y.Bytes())
}

// State implements lifecycle.Executions. The service forgets an execution 90 days
// after its end.
func (m *Machine) State(ctx context.Context, name string) (lifecycle.ExecutionStatus, error) {
	execution, err := m.Describe(ctx, name)
	if errors.Is(err, states.ErrExecutionDoesNotExist) {
		return lifecycle.ExecutionUnknown, nil
	}
	return lifecycle.ExecutionStatus(execution.Status), err
}

// The limits of StopExecution and SendTaskFailure, in characters.
const (
	maxError = 256
	maxCause = 32_768
)

// Stop implements lifecycle.Executions.
func (m *Machine) Stop(ctx context.Context, name, errorName, cause string) error {
	arn := m.ExecutionARN(name)
	_, err := m.client.StopExecution(ctx, &sfn.StopExecutionInput{
		ExecutionArn: &arn, Error: cut(errorName, maxError), Cause: cut(cause, maxCause)})
	if err != nil && !awsclient.HasCode(err, "ExecutionDoesNotExist") {
		return failed("stop execution "+name, err)
	}
	return nil
}

// cut shortens text to limit bytes without splitting a character.
func cut(text string, limit int) *string {
	if len(text) > limit {
		for limit > 0 && !utf8.RuneStart(text[limit]) {
			limit--
		}
		text = text[:limit]
	}
	return &text
}

// Definition returns the definition that an execution with that ARN was started with, or
// states.ErrExecutionDoesNotExist.
func (m *Machine) Definition(ctx context.Context, arn string) (json.RawMessage, error) {
	out, err := m.client.DescribeStateMachineForExecution(ctx,
		&sfn.DescribeStateMachineForExecutionInput{ExecutionArn: &arn})
	if err != nil {
		return nil, failed("read definition of execution "+nameOf(arn), err)
	}
	return raw(out.Definition), nil
}

// Describe returns an execution, or states.ErrExecutionDoesNotExist.
func (m *Machine) Describe(ctx context.Context, name string) (states.Execution, error) {
	return m.describe(ctx, m.ExecutionARN(name))
}

func (m *Machine) describe(ctx context.Context, arn string) (states.Execution, error) {
	out, err := m.client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		return states.Execution{}, failed("describe execution "+nameOf(arn), err)
	}
	return states.Execution{
		ExecutionArn:    aws.ToString(out.ExecutionArn),
		StateMachineArn: aws.ToString(out.StateMachineArn),
		Name:            aws.ToString(out.Name),
		Status:          states.Status(out.Status),
		StartDate:       aws.ToTime(out.StartDate).UTC(),
		StopDate:        toTime(out.StopDate),
		Input:           raw(out.Input),
		Output:          raw(out.Output),
		Error:           aws.ToString(out.Error),
		Cause:           aws.ToString(out.Cause),
		MapRunArn:       aws.ToString(out.MapRunArn),
	}, nil
}

func raw(text *string) json.RawMessage {
	if text == nil {
		return nil
	}
	return json.RawMessage(*text)
}

// List returns up to limit (1 to 1,000) executions with a status ("" for all), newest
// first, without input and output. next is the token of the next page, "" at the end.
func (m *Machine) List(
	ctx context.Context,
	status states.Status,
	after string,
	limit int,
) (page []states.Execution, next string, err error) {
	return m.list(ctx, &sfn.ListExecutionsInput{StateMachineArn: &m.arn}, status, after, limit)
}

func (m *Machine) list(
	ctx context.Context,
	in *sfn.ListExecutionsInput,
	status states.Status,
	after string,
	limit int,
) ([]states.Execution, string, error) {
	in.StatusFilter = types.ExecutionStatus(status)
	in.MaxResults = int32(min(max(limit, 1), 1000))
	if after != "" {
		in.NextToken = &after
	}
	out, err := m.client.ListExecutions(ctx, in)
	if err != nil {
		return nil, "", failed("list executions", err)
	}
	page := make([]states.Execution, len(out.Executions))
	for i, e := range out.Executions {
		page[i] = states.Execution{
			ExecutionArn:    aws.ToString(e.ExecutionArn),
			StateMachineArn: aws.ToString(e.StateMachineArn),
			Name:            aws.ToString(e.Name),
			Status:          states.Status(e.Status),
			StartDate:       aws.ToTime(e.StartDate).UTC(),
			StopDate:        toTime(e.StopDate),
			MapRunArn:       aws.ToString(e.MapRunArn),
			ItemCount:       int(aws.ToInt32(e.ItemCount)),
		}
	}
	return page, aws.ToString(out.NextToken), nil
}
