package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/jsonata"
	"reprise/pkg/asl/states"
)

// Started is the answer of StartExecution.
type Started struct {
	ExecutionArn string    `json:"executionArn"`
	StartDate    time.Time `json:"startDate"`
}

// Start starts an execution of a machine and returns once that is durable. An
// empty name means a random one. Like StartExecution of Standard workflows,
// Start is idempotent: the same name and input return the running execution;
// another input, or an execution that has ended, is
// states.ErrExecutionAlreadyExists. An execution started before Run begins when
// Run is called.
func (e *Engine) Start(_ context.Context, machine, name string, input json.RawMessage) (Started, error) {
	m := e.config.Machines[machine]
	if m == nil {
		return Started{}, fmt.Errorf("start %q: %w", machine, states.ErrStateMachineDoesNotExist)
	}
	if name == "" {
		name = e.runtime.UUID()
	}
	if !states.ValidName(name) {
		return Started{}, fmt.Errorf("start %q: %w", name, states.ErrInvalidName)
	}
	if len(input) == 0 {
		input = json.RawMessage("{}")
	}
	if len(input) > states.MaxPayloadBytes {
		return Started{}, fmt.Errorf("start %q: %w", name, states.ErrInvalidInput)
	}
	if err := jsonata.Check(input); err != nil {
		return Started{}, fmt.Errorf("start %q: %w: %w", name, states.ErrInvalidInput, err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, input); err != nil {
		return Started{}, fmt.Errorf("start %q: %w", name, states.ErrInvalidInput)
	}
	record := journal.Execution{
		ID:         machine + ":" + name,
		Machine:    machine,
		Name:       name,
		Definition: m.Hash(),
		Status:     states.StatusRunning,
		Input:      compact.Bytes(),
	}
	return e.begin(m, record)
}

func (e *Engine) begin(m *asl.Machine, record journal.Execution) (Started, error) {
	e.startMu.Lock()
	defer e.startMu.Unlock()
	e.mu.Lock()
	over := e.state == stopped
	e.mu.Unlock()
	if over {
		return Started{}, fmt.Errorf("start %q: %w", record.Name, states.ErrStopped)
	}
	have, found, err := journal.Load[journal.Execution](e.journal, journal.ExecutionKey(record.ID))
	if err != nil {
		return Started{}, fmt.Errorf("start %q: %w", record.Name, err)
	}
	if found {
		if have.Status != states.StatusRunning || !bytes.Equal(have.Input, record.Input) {
			return Started{}, fmt.Errorf("start %q: %w", record.Name, states.ErrExecutionAlreadyExists)
		}
		return Started{ExecutionArn: e.arns.Execution(have.ID), StartDate: have.Start}, nil
	}
	record.Start = e.config.Clock.Now()
	ops, err := e.runtime.StartOps(record)
	if err != nil {
		return Started{}, fmt.Errorf("start %q: %w", record.Name, err)
	}
	ops = append(ops, journal.Op{Key: journal.DefinitionKey(m.Hash()), Value: m.Definition()},
		journal.Op{Key: journal.ListKey(record.Machine, record.Start, record.ID), Value: []byte(record.ID)})
	if err = e.journal.Write(ops); err == nil {
		err = e.journal.Sync()
	}
	if err == nil {
		err = e.launch(record)
	}
	if err != nil {
		return Started{}, fmt.Errorf("start %q: %w", record.Name, err)
	}
	return Started{ExecutionArn: e.arns.Execution(record.ID), StartDate: record.Start}, nil
}
