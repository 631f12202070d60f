package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"reprise/pkg/asl/states"
	"reprise/pkg/steps"
	"reprise/pkg/storefault"
)

// functionARN is the ARN of a function on this machine.
func functionARN(name string) string {
	return "arn:aws:lambda:" + region + ":" + account + ":function:" + name
}

// invokable is a function that takes and returns JSON.
type invokable func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error)

// typed makes an invokable from a handler.
func typed[In, Out any](handle func(context.Context, In) (Out, error)) invokable {
	return func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
		var in In
		if err := json.Unmarshal(payload, &in); err != nil {
			return nil, fmt.Errorf("decode payload: %w", err)
		}
		out, err := handle(ctx, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
}

// functions invokes handlers for the engine as Lambda does: with a time limit
// and with Lambda's error names.
type functions struct {
	byARN map[string]invokable
	log   *slog.Logger
	// noRoom is called when a function failed because the disk is full. It ends
	// the engine, so that the failure is not recorded and the function is invoked
	// again once there is room.
	noRoom func()
}

// Invoke implements interpreter.Invoker.
func (f *functions) Invoke(
	ctx context.Context, function string, payload json.RawMessage,
) (result json.RawMessage, err error) {
	call, found := f.byARN[function]
	if !found {
		return nil, &states.FunctionError{
			Type:    "Lambda.ResourceNotFoundException",
			Message: "function not found: " + function,
		}
	}
	ctx, cancel := context.WithTimeout(ctx, functionTimeout)
	defer cancel()
	defer func() {
		if cause := recover(); cause != nil {
			f.log.LogAttrs(ctx, slog.LevelError, "function panicked", slog.String("function", function),
				slog.Any("cause", cause), slog.String("stack", string(debug.Stack())))
			err = &states.FunctionError{Type: "Runtime.ExitError", Message: "the function panicked"}
		}
	}()
	result, err = call(ctx, payload)
	if isFull(err) {
		f.noRoom()
	}
	return result, f.reported(function, err)
}

func isFull(err error) bool {
	var named messages.InvokeResponse_Error
	return errors.Is(err, storefault.ErrFull) || (errors.As(err, &named) && named.Type == steps.FaultFull)
}

// reported gives an error the name that Lambda would report.
func (f *functions) reported(function string, err error) error {
	if err == nil {
		return nil
	}
	var named messages.InvokeResponse_Error
	if errors.As(err, &named) {
		f.log.LogAttrs(context.Background(), slog.LevelWarn, "step failed", slog.String("function", function),
			slog.String("error", named.Type), slog.String("cause", named.Message))
		return &states.FunctionError{Type: named.Type, Message: named.Message}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &states.FunctionError{Type: "Sandbox.Timedout", Message: "the function timed out"}
	}
	return &states.FunctionError{Type: "errorString", Message: err.Error()}
}
