package asl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Started is what StartExecution answers.
type Started struct {
	ExecutionArn string    `json:"executionArn"`
	StartDate    time.Time `json:"startDate"`
}

// Start begins an execution of a machine; name "" means a random one. It is
// idempotent as StartExecution of Standard machines is: the same name and input
// while that execution runs answer that execution; other input, or an
// execution that has ended, gives ErrExecutionAlreadyExists. It returns once
// the start is durable. Before Run the execution is journalled and begins with
// Run.
func (e *Engine) Start(_ context.Context, machine, name string, input json.RawMessage) (Started, error) {
	m := e.config.Machines[machine]
	if m == nil {
		return Started{}, fmt.Errorf("start %q: %w", machine, ErrStateMachineDoesNotExist)
	}
	if name == "" {
		name = e.uuid()
	}
	if !validExecutionName(name) {
		return Started{}, fmt.Errorf("start %q: %w", name, ErrInvalidName)
	}
	if len(input) == 0 {
		input = json.RawMessage("{}")
	}
	if len(input) > MaxPayloadBytes || !json.Valid(input) {
		return Started{}, fmt.Errorf("start %q: %w", name, ErrInvalidInput)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, input); err != nil {
		return Started{}, fmt.Errorf("start %q: %w", name, ErrInvalidInput)
	}
	record := executionRecord{ID: machine + ":" + name, Machine: machine, Name: name, Definition: m.hash,
		Status: StatusRunning, Input: compact.Bytes()}
	return e.begin(m, record)
}

func (e *Engine) begin(m *Machine, record executionRecord) (Started, error) {
	e.startMu.Lock()
	defer e.startMu.Unlock()
	e.mu.Lock()
	over := e.state == stopped
	e.mu.Unlock()
	if over {
		return Started{}, fmt.Errorf("start %q: %w", record.Name, ErrStopped)
	}
	have, found, err := load[executionRecord](e.journal, spaceExecution+record.ID)
	if err != nil {
		return Started{}, fmt.Errorf("start %q: %w", record.Name, err)
	}
	if found {
		if have.Status != StatusRunning || !bytes.Equal(have.Input, record.Input) {
			return Started{}, fmt.Errorf("start %q: %w", record.Name, ErrExecutionAlreadyExists)
		}
		return Started{ExecutionArn: e.arns.execution(have.ID), StartDate: have.Start}, nil
	}
	record.Start = e.clock.Now()
	ops, err := e.startOps(record)
	if err != nil {
		return Started{}, fmt.Errorf("start %q: %w", record.Name, err)
	}
	ops = append(ops, Op{Key: spaceDefinition + m.hash, Value: m.definition},
		Op{Key: listKey(record.Machine, record.Start, record.ID), Value: []byte(record.ID)})
	if err = e.journal.Write(ops); err == nil {
		err = e.journal.Sync()
	}
	if err == nil {
		err = e.launch(record)
	}
	if err != nil {
		return Started{}, fmt.Errorf("start %q: %w", record.Name, err)
	}
	return Started{ExecutionArn: e.arns.execution(record.ID), StartDate: record.Start}, nil
}

// recordOf reads the record of an execution.
func (e *Engine) recordOf(arn string) (executionRecord, error) {
	id, is := e.arns.executionID(arn)
	if !is {
		return executionRecord{}, fmt.Errorf("execution %q: %w", arn, ErrInvalidArn)
	}
	record, found, err := load[executionRecord](e.journal, spaceExecution+id)
	if err == nil && !found {
		err = ErrExecutionDoesNotExist
	}
	if err == nil {
		err = e.settled(record)
	}
	if err != nil {
		return executionRecord{}, fmt.Errorf("execution %q: %w", arn, err)
	}
	return record, nil
}

// settled waits until an end that is in the journal is durable, so that nobody
// sees one which a crash could take back.
func (e *Engine) settled(record executionRecord) error {
	if record.Status == StatusRunning {
		return nil
	}
	x := e.liveExecution(record.ID)
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.ended {
		return ErrStopped // the journal failed
	}
	return nil
}

func (e *Engine) describe(r executionRecord) Execution {
	d := Execution{ExecutionArn: e.arns.execution(r.ID), StateMachineArn: e.arns.machine(r.Machine), Name: r.Name,
		Status: r.Status, StartDate: r.Start, StopDate: r.Stop, Input: r.Input, Output: r.Output, ItemCount: r.Items}
	if r.Failure != nil {
		d.Error, d.Cause = r.Failure.Error, r.Failure.Cause
	}
	if r.Run != "" {
		d.MapRunArn = e.arns.mapRun(r.Run)
		d.StateMachineArn += "/" + r.Run[len(r.Machine)+1:bytes.LastIndexByte([]byte(r.Run), ':')]
	}
	return d
}

// Describe tells of an execution, ErrExecutionDoesNotExist where there is
// none.
func (e *Engine) Describe(_ context.Context, arn string) (Execution, error) {
	record, err := e.recordOf(arn)
	if err != nil {
		return Execution{}, err
	}
	return e.describe(record), nil
}

// Stop ends an execution as ABORTED and returns when it ended. Functions that
// it invoked run on; what they give is dropped. Stopping what has ended
// changes nothing. It returns once the end is durable.
func (e *Engine) Stop(_ context.Context, arn, name, cause string) (time.Time, error) {
	if len(name) > maxError || len(cause) > maxCause {
		return time.Time{}, fmt.Errorf("stop: %w: error has at most %d and cause at most %d characters", ErrValidation, maxError, maxCause)
	}
	record, err := e.recordOf(arn)
	if err != nil {
		return time.Time{}, err
	}
	if record.Status != StatusRunning {
		return record.Stop, nil
	}
	x := e.liveExecution(record.ID)
	if x == nil {
		if record, err = e.recordOf(arn); err == nil && record.Status == StatusRunning {
			err = ErrStopped
		}
		return record.Stop, err
	}
	at, err := x.end(StatusAborted, &Failure{Error: name, Cause: cause})
	if err != nil && !errors.Is(err, errClosed) {
		return at, fmt.Errorf("stop: %w", err)
	}
	return at, nil
}

// waiter lets callers wait for an end.
type waiter struct {
	done  chan struct{}
	count int
}

func (w *waiter) release() { close(w.done) }

// Wait returns the execution once it has ended. It fails with ctx's error, or
// with ErrStopped where the engine stops first.
func (e *Engine) Wait(ctx context.Context, arn string) (Execution, error) {
	record, err := e.recordOf(arn)
	if err != nil || record.Status != StatusRunning {
		return e.describe(record), err
	}
	w := e.waitFor(record.ID)
	defer e.waitNoMore(record.ID, w)
	// It may have ended before the waiter was in place.
	if record, err = e.recordOf(arn); err != nil || record.Status != StatusRunning {
		return e.describe(record), err
	}
	select {
	case <-ctx.Done():
		return Execution{}, fmt.Errorf("wait for %s: %w", arn, ctx.Err())
	case <-w.done:
	}
	record, err = e.recordOf(arn)
	if err == nil && record.Status == StatusRunning {
		err = fmt.Errorf("wait for %s: %w", arn, ErrStopped)
	}
	return e.describe(record), err
}

func (e *Engine) waitFor(id string) *waiter {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.waiters[id]
	if w == nil {
		w = &waiter{done: make(chan struct{})}
		if e.state == stopped {
			w.release()
			return w
		}
		e.waiters[id] = w
	}
	w.count++
	return w
}

func (e *Engine) waitNoMore(id string, w *waiter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w.count--; w.count == 0 && e.waiters[id] == w {
		delete(e.waiters, id)
	}
}

// afterEnd wakes those who wait for an execution that has durably ended.
func (e *Engine) afterEnd(record executionRecord) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w := e.waiters[record.ID]; w != nil {
		delete(e.waiters, record.ID)
		w.release()
	}
	if record.Run == "" {
		e.ended++
	}
	select {
	case e.notice <- struct{}{}:
	default:
	}
}
