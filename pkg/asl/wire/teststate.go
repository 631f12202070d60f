package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/interpreter"
	"reprise/pkg/asl/jsonata"
	"reprise/pkg/asl/states"
)

// testedState is the name of a state that is defined without a state machine.
const testedState = "TestedState"

// testStateRequest is a request of TestState. roleArn and revealSecrets have no
// effect: tasks run as this process, and no task has secrets to reveal.
type testStateRequest struct {
	Definition, StateName, InspectionLevel string
	Input, Variables, Context              *string
	Mock                                   *mockInput
	StateConfiguration                     struct {
		RetrierRetryCount        int
		ErrorCausedByState       string
		MapItemReaderData        *string
		MapIterationFailureCount *int
	}
}

// mockInput is a mocked result, which is JSON, or a mocked error. The result is not
// compared with what the resource could return.
type mockInput struct {
	Result              *string
	ErrorOutput         *struct{ Error, Cause string }
	FieldValidationMode string
}

// check refuses arguments that the service's model does not have, and those that
// are not supported.
func (in testStateRequest) check() error {
	configuration, refused := in.StateConfiguration, ""
	switch {
	case !slices.Contains([]string{"", "INFO", "DEBUG", "TRACE"}, in.InspectionLevel):
		refused = "inspectionLevel must be INFO, DEBUG or TRACE"
	case in.Context != nil:
		refused = "context is not supported: the state gets a context object of its own"
	case configuration.ErrorCausedByState != "" || configuration.MapItemReaderData != nil ||
		configuration.MapIterationFailureCount != nil:
		refused = "stateConfiguration supports retrierRetryCount only"
	case configuration.RetrierRetryCount < 0:
		refused = "retrierRetryCount must not be negative"
	case in.Mock != nil && (in.Mock.Result == nil) == (in.Mock.ErrorOutput == nil):
		refused = "mock must have either result or errorOutput"
	case in.Mock != nil && in.Mock.ErrorOutput != nil && in.Mock.ErrorOutput.Error == "":
		refused = "mock.errorOutput.error is required"
	case in.Mock != nil && !slices.Contains([]string{"", "STRICT", "PRESENT", "NONE"}, in.Mock.FieldValidationMode):
		refused = "mock.fieldValidationMode must be STRICT, PRESENT or NONE"
	default:
		return nil
	}
	return fmt.Errorf("%w: %s", states.ErrValidation, refused)
}

// state reads the definition of a state, or of a state machine of which StateName
// names one.
func (in testStateRequest) state() (*asl.State, error) {
	if in.StateName == "" {
		s, err := asl.ParseState(testedState, []byte(in.Definition))
		return s, definitionFault(err)
	}
	machine, err := asl.Parse([]byte(in.Definition), nil)
	if err != nil {
		return nil, definitionFault(err)
	}
	for _, s := range machine.States() {
		if s.Name == in.StateName {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%w: the definition has no state %q", states.ErrValidation, in.StateName)
}

func definitionFault(err error) error {
	if refused := (*asl.DefinitionError)(nil); errors.As(err, &refused) {
		return fmt.Errorf("%w: %w", states.ErrInvalidDefinition, err)
	}
	return err
}

// trial is the request as the engine runs it.
func (in testStateRequest) trial() (interpreter.Trial, error) {
	state, err := in.state()
	if err != nil {
		return interpreter.Trial{}, err
	}
	t := interpreter.Trial{State: state, Retries: in.StateConfiguration.RetrierRetryCount, Mocked: in.Mock != nil}
	if in.Input != nil {
		if t.Input = json.RawMessage(*in.Input); len(t.Input) == 0 {
			return t, states.ErrInvalidInput
		}
	}
	if in.Variables != nil {
		raw := json.RawMessage(*in.Variables)
		if err := jsonata.Check(raw); err != nil {
			return t, fmt.Errorf("%w: variables: %w", states.ErrValidation, err)
		}
		if err := json.Unmarshal(raw, &t.Vars); err != nil || t.Vars == nil {
			return t, fmt.Errorf("%w: variables must be a JSON object", states.ErrValidation)
		}
	}
	if in.Mock == nil {
		return t, nil
	}
	if mocked := in.Mock.ErrorOutput; mocked != nil {
		t.Failure = &states.Failure{Error: mocked.Error, Cause: mocked.Cause}
		return t, nil
	}
	t.Mock = json.RawMessage(*in.Mock.Result)
	if err := jsonata.Check(t.Mock); err != nil {
		return t, fmt.Errorf("%w: mock.result: %w", states.ErrValidation, err)
	}
	return t, nil
}

// testStateAnswer is the answer of TestState.
type testStateAnswer struct {
	Status         string          `json:"status"`
	Output         *string         `json:"output,omitempty"`
	Error          string          `json:"error,omitempty"`
	Cause          string          `json:"cause,omitempty"`
	NextState      string          `json:"nextState,omitempty"`
	InspectionData *inspectionData `json:"inspectionData,omitempty"`
}

type inspectionData struct {
	Input          string        `json:"input"`
	AfterArguments *string       `json:"afterArguments,omitempty"`
	Result         *string       `json:"result,omitempty"`
	Variables      *string       `json:"variables,omitempty"`
	ErrorDetails   *errorDetails `json:"errorDetails,omitempty"`
}

type errorDetails struct {
	CatchIndex                  *int `json:"catchIndex,omitempty"`
	RetryIndex                  *int `json:"retryIndex,omitempty"`
	RetryBackoffIntervalSeconds *int `json:"retryBackoffIntervalSeconds,omitempty"`
}

func (s *Server) testState(ctx context.Context, in testStateRequest) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	trial, err := in.trial()
	if err != nil {
		return nil, err
	}
	tried, err := s.config.Engine.Try(ctx, trial)
	if err != nil {
		return nil, err
	}
	answer := testStateAnswer{Status: "SUCCEEDED", Output: text(tried.Output), NextState: tried.Next}
	switch {
	case tried.Retry >= 0:
		answer.Status = "RETRIABLE"
	case tried.Catch >= 0:
		answer.Status = "CAUGHT_ERROR"
	case tried.Failure != nil:
		answer.Status = "FAILED"
	}
	if tried.Failure != nil {
		answer.Error, answer.Cause = tried.Failure.Error, tried.Failure.Cause
	}
	if in.InspectionLevel == "DEBUG" || in.InspectionLevel == "TRACE" {
		if answer.InspectionData, err = inspect(trial, tried); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

// inspect is what DEBUG shows, and TRACE too: it adds only the requests of HTTP
// Tasks, which are not supported.
func inspect(trial interpreter.Trial, tried interpreter.Tried) (*inspectionData, error) {
	data := &inspectionData{Input: "{}", AfterArguments: text(tried.Arguments), Result: text(tried.Result)}
	if trial.Input != nil {
		data.Input = string(trial.Input)
	}
	if len(tried.Vars) > 0 {
		variables, err := json.Marshal(tried.Vars)
		if err != nil {
			return nil, fmt.Errorf("encode variables: %w", err)
		}
		data.Variables = text(variables)
	}
	if tried.Retry >= 0 {
		seconds := int(tried.Backoff / time.Second)
		data.ErrorDetails = &errorDetails{RetryIndex: &tried.Retry, RetryBackoffIntervalSeconds: &seconds}
	} else if tried.Catch >= 0 {
		data.ErrorDetails = &errorDetails{CatchIndex: &tried.Catch}
	}
	return data, nil
}
