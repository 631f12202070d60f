package stepfunctions

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/pkg/asl/states"
)

// IsOver reports whether nobody waits for the answer to a token: it was answered
// before, or its execution has ended. The SDK's retry of an answer whose reply was
// lost fails in the same way.
func IsOver(err error) bool {
	return errors.Is(err, states.ErrTaskTimedOut) || errors.Is(err, states.ErrTaskDoesNotExist)
}

// SendTaskSuccess ends the task that waits for a token. IsOver interprets its
// error.
func (m *Machine) SendTaskSuccess(ctx context.Context, token string, output []byte) error {
	_, err := m.client.SendTaskSuccess(
		ctx,
		&sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String(string(output))},
	)
	if err != nil {
		return failed("send task success", err)
	}
	return nil
}

// Release implements lifecycle.Executions.
func (m *Machine) Release(ctx context.Context, token string, output []byte) error {
	err := m.SendTaskSuccess(ctx, token, output)
	if IsOver(err) || errors.Is(err, states.ErrInvalidToken) {
		return nil
	}
	return err
}

// SendTaskFailure fails the task that waits for a token.
func (m *Machine) SendTaskFailure(ctx context.Context, token, errorName, cause string) error {
	_, err := m.client.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{
		TaskToken: &token, Error: cut(errorName, maxError), Cause: cut(cause, maxCause)})
	if err != nil {
		return failed("send task failure", err)
	}
	return nil
}

// SendTaskHeartbeat says that the work for a token goes on.
func (m *Machine) SendTaskHeartbeat(ctx context.Context, token string) error {
	_, err := m.client.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: &token})
	if err != nil {
		return failed("send task heartbeat", err)
	}
	return nil
}
