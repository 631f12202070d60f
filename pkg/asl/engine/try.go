package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/interpreter"
	"reprise/pkg/asl/jsonata"
	"reprise/pkg/asl/states"
)

// TryTime is how long a state that is tried may run. The service allows five
// minutes; the API's answers are due earlier.
const TryTime = 25 * time.Second

// Try runs one state outside any execution and leaves no trace of it. After TryTime
// the state fails with States.Timeout; a function that it invoked may still run then.
// Try fails with states.ErrInvalidInput or states.ErrValidation if the trial cannot
// begin, and with states.ErrStopped unless the engine runs.
func (e *Engine) Try(ctx context.Context, t interpreter.Trial) (interpreter.Tried, error) {
	if err := checkTrial(&t); err != nil {
		return interpreter.Tried{}, err
	}
	type result struct {
		tried interpreter.Tried
		err   error
	}
	results := make(chan result, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	expired, release := e.config.Clock.At(e.config.Clock.Now().Add(TryTime))
	defer release()
	stopped := fmt.Errorf("try state %q: %w", t.State.Name, states.ErrStopped)
	if !e.inBackground(func() {
		tried, err := e.runtime.Try(ctx, t)
		results <- result{tried, err}
	}) {
		return interpreter.Tried{}, stopped
	}
	select {
	case r := <-results:
		if r.err != nil && e.ctx.Err() != nil {
			return interpreter.Tried{}, stopped
		}
		if r.err != nil {
			return interpreter.Tried{}, fmt.Errorf("try state %q: %w", t.State.Name, r.err)
		}
		return r.tried, nil
	case <-e.ctx.Done():
		return interpreter.Tried{}, stopped
	case <-expired:
		cause := fmt.Sprintf("The state ran longer than %d seconds, the limit for a test.", int(TryTime.Seconds()))
		failure := &states.Failure{Error: states.ErrorTimeout, Cause: cause}
		return interpreter.Tried{Failure: failure, Retry: -1, Catch: -1, Vars: t.Vars}, nil
	}
}

// checkTrial refuses what a state cannot begin with.
func checkTrial(t *interpreter.Trial) error {
	if len(t.Input) == 0 {
		t.Input = json.RawMessage("{}")
	}
	if len(t.Input) > states.MaxPayloadBytes {
		return fmt.Errorf("try state %q: %w", t.State.Name, states.ErrInvalidInput)
	}
	if err := jsonata.Check(t.Input); err != nil {
		return fmt.Errorf("try state %q: %w: %w", t.State.Name, states.ErrInvalidInput, err)
	}
	size := 0
	for name, value := range t.Vars {
		if !asl.IsVariableName(name) {
			return fmt.Errorf("try state %q: %w: %q is not a variable name", t.State.Name, states.ErrValidation, name)
		}
		size += len(value)
	}
	if size > states.MaxVariablesBytes {
		return fmt.Errorf("try state %q: %w: the variables are too large", t.State.Name, states.ErrValidation)
	}
	needsMock := t.State.Type == asl.TypeMap || t.State.Type == asl.TypeParallel || t.State.WaitsForToken()
	canHaveMock := needsMock || t.State.Type == asl.TypeTask
	switch {
	case needsMock && !t.Mocked:
		return fmt.Errorf("try state %q: %w: a Map, a Parallel and a Task that waits for a token need a mock",
			t.State.Name, states.ErrValidation)
	case t.Mocked && !canHaveMock:
		return fmt.Errorf("try state %q: %w: only a Task, a Map and a Parallel can have a mock",
			t.State.Name, states.ErrValidation)
	}
	return nil
}

// inBackground runs a function in the group of a running engine, or returns false.
func (e *Engine) inBackground(run func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state != running {
		return false
	}
	e.runtime.Go(run)
	return true
}
