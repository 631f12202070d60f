package engine

import (
	"encoding/json"
	"fmt"

	"reprise/pkg/asl/jsonata"
	"reprise/pkg/asl/states"
)

// SendTaskSuccess ends the task that waits for the token with an output, and
// returns once that is durable. It fails with states.ErrInvalidToken,
// states.ErrInvalidOutput, states.ErrTaskDoesNotExist or states.ErrTaskTimedOut.
func (e *Engine) SendTaskSuccess(token string, output json.RawMessage) error {
	if len(output) > states.MaxPayloadBytes {
		return states.ErrInvalidOutput
	}
	if err := jsonata.Check(output); err != nil {
		return fmt.Errorf("%w: %w", states.ErrInvalidOutput, err)
	}
	return e.runtime.Answer(token, output, nil)
}

// SendTaskFailure ends the task that waits for the token with an error.
func (e *Engine) SendTaskFailure(token, name, cause string) error {
	if err := validateFailure(name, cause); err != nil {
		return err
	}
	return e.runtime.Answer(token, nil, &states.Failure{Error: name, Cause: cause})
}

// SendTaskHeartbeat restarts the HeartbeatSeconds of the task that waits for the
// token.
func (e *Engine) SendTaskHeartbeat(token string) error { return e.runtime.Heartbeat(token) }

func validateFailure(name, cause string) error {
	if len(name) > states.MaxErrorBytes || len(cause) > states.MaxCauseBytes {
		return fmt.Errorf("%w: error must have at most %d and cause at most %d characters",
			states.ErrValidation, states.MaxErrorBytes, states.MaxCauseBytes)
	}
	return nil
}
