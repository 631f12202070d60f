package stepfunctions

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/pkg/asl/states"
)

// IsOver reports whether an answer to a token came for nothing, because nobody
// waits for it any more: it was answered before, or its execution has ended. An
// answer that was lost and sent again by the SDK's client looks so, too.
func IsOver(err error) bool {
	return errors.Is(err, states.ErrTaskTimedOut) || errors.Is(err, states.ErrTaskDoesNotExist)
}

// SendTaskSuccess ends the task that waits for a token. IsOver tells what an
// error of it means.
func (m *Machine) SendTaskSuccess(ctx context.Context, token string, output []byte) error {
	_, err := m.client.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String(string(output))})
	if err != nil {
		return failed("send task success", err)
	}
	return nil
}

// SendTaskFailure lets the task that waits for a token fail.
func (m *Machine) SendTaskFailure(ctx context.Context, token, errorName, cause string) error {
	_, err := m.client.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{
		TaskToken: &token, Error: cut(errorName, maxError), Cause: cut(cause, maxCause)})
	if err != nil {
		return failed("send task failure", err)
	}
	return nil
}

// SendTaskHeartbeat says that the work behind a token goes on.
func (m *Machine) SendTaskHeartbeat(ctx context.Context, token string) error {
	_, err := m.client.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: &token})
	if err != nil {
		return failed("send task heartbeat", err)
	}
	return nil
}
