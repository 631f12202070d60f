package lambdahost

import (
	"context"
	"encoding/json"
	"errors"

	"reprise/pkg/asl/states"
)

// MaxPayloadBytes is Lambda's limit for a request and for a response of a
// synchronous invocation (6 MB).
const MaxPayloadBytes = 6 << 20

// The names of failures that Lambda reports for a function.
const (
	ErrorTimedOut = "Sandbox.Timedout"
	ErrorExit     = "Runtime.ExitError"
	ErrorTooLarge = "Function.ResponseSizeTooLarge"
)

// The exceptions of the Lambda API.
const (
	ExceptionThrottled = "TooManyRequestsException"
	ExceptionNotFound  = "ResourceNotFoundException"
	ExceptionTooLarge  = "RequestTooLargeException"
	ExceptionInvalid   = "InvalidParameterValueException"
	ExceptionConflict  = "ResourceConflictException"
	ExceptionService   = "ServiceException"
)

// FunctionError is the error that a function reported, or that Lambda reports for
// a function that ended without an answer. The invocation may have had effects.
type FunctionError struct {
	// Type is the function's own errorType, or one of the names above.
	Type, Message string
	// Payload is the whole error document.
	Payload json.RawMessage
}

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// ServiceError is a refusal of the service: no function has run.
type ServiceError struct{ Exception, Message string }

func (e *ServiceError) Error() string { return e.Exception + ": " + e.Message }

func isThrottle(err error) bool {
	var refused *ServiceError
	return errors.As(err, &refused) && refused.Exception == ExceptionThrottled
}

// ErrClosed means that the host has been closed.
var ErrClosed = errors.New("the function host is closed")

func lambdaFailure(kind, message string) *FunctionError {
	payload, err := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{kind, message})
	if err != nil {
		payload = json.RawMessage(`{}`) // strings can always be encoded
	}
	return &FunctionError{Type: kind, Message: message, Payload: payload}
}

// reported reads the error document that a runtime sent. Anything else becomes
// Lambda.Unknown, as in Step Functions.
func reported(body []byte) *FunctionError {
	var document struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return lambdaFailure(states.ErrorLambdaUnknown, string(body))
	}
	if document.Type == "" {
		document.Type = states.ErrorLambdaUnknown
	}
	return &FunctionError{Type: document.Type, Message: document.Message, Payload: body}
}

// Invoker invokes functions for a state machine, with the error names that Step
// Functions shows: a function's own, and Lambda.EXCEPTION for refusals of the
// service.
type Invoker struct{ Host *Host }

// Invoke implements interpreter.Invoker.
func (i Invoker) Invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	result, err := i.Host.Invoke(ctx, function, payload)
	var failed *FunctionError
	var refused *ServiceError
	switch {
	case errors.As(err, &failed):
		return nil, &states.FunctionError{Type: failed.Type, Message: failed.Message}
	case errors.As(err, &refused):
		return nil, &states.FunctionError{Type: "Lambda." + refused.Exception, Message: refused.Message}
	}
	return result, err
}
