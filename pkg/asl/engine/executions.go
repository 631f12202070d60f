package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// recordOf reads the record of an execution.
func (e *Engine) recordOf(arn string) (journal.Execution, error) {
	id, ok := e.arns.ExecutionID(arn)
	if !ok {
		return journal.Execution{}, fmt.Errorf("execution %q: %w", arn, states.ErrInvalidArn)
	}
	record, found, err := journal.Load[journal.Execution](e.journal, journal.ExecutionKey(id))
	if err == nil && !found {
		err = states.ErrExecutionDoesNotExist
	}
	if err == nil {
		err = e.settled(record)
	}
	if err != nil {
		return journal.Execution{}, fmt.Errorf("execution %q: %w", arn, err)
	}
	return record, nil
}

// settled waits until a journalled end is durable, so that nobody sees an end
// that a crash could undo.
func (e *Engine) settled(record journal.Execution) error {
	if record.Status == states.StatusRunning {
		return nil
	}
	x := e.runtime.Live(record.ID)
	if x == nil {
		return nil
	}
	if !x.Ended() {
		return states.ErrStopped // the journal failed
	}
	return nil
}

func (e *Engine) describe(r journal.Execution) states.Execution {
	d := states.Execution{
		ExecutionArn:    e.arns.Execution(r.ID),
		StateMachineArn: e.arns.Machine(r.Machine),
		Name:            r.Name,
		Status:          r.Status,
		StartDate:       r.Start,
		StopDate:        r.Stop,
		Input:           r.Input,
		Output:          r.Output,
		ItemCount:       r.Items,
	}
	if r.Failure != nil {
		d.Error, d.Cause = r.Failure.Error, r.Failure.Cause
	}
	if r.Run != "" {
		d.MapRunArn = e.arns.MapRun(r.Run)
		d.StateMachineArn += "/" + r.Run[len(r.Machine)+1:strings.LastIndexByte(r.Run, ':')]
	}
	return d
}

// Describe returns an execution, or fails with states.ErrExecutionDoesNotExist.
func (e *Engine) Describe(_ context.Context, arn string) (states.Execution, error) {
	record, err := e.recordOf(arn)
	if err != nil {
		return states.Execution{}, err
	}
	return e.describe(record), nil
}

// Definition returns the definition that an execution started with, and the name
// of its machine. It fails as Describe does.
func (e *Engine) Definition(_ context.Context, arn string) (machine string, definition json.RawMessage, err error) {
	record, err := e.recordOf(arn)
	if err != nil {
		return "", nil, err
	}
	definition, found, err := e.journal.Get(journal.DefinitionKey(record.Definition))
	if err == nil && !found {
		err = fmt.Errorf("%w: no definition %s", journal.ErrRecord, record.Definition)
	}
	if err != nil {
		return "", nil, fmt.Errorf("definition of %q: %w", arn, err)
	}
	return record.Machine, definition, nil
}

// Stop ends an execution as ABORTED and returns the time of its end, once the
// end is durable. Functions that it invoked keep running; their results are
// dropped. Stopping an ended execution does nothing.
func (e *Engine) Stop(_ context.Context, arn, name, cause string) (time.Time, error) {
	if err := validateFailure(name, cause); err != nil {
		return time.Time{}, fmt.Errorf("stop: %w", err)
	}
	record, err := e.recordOf(arn)
	if err != nil {
		return time.Time{}, err
	}
	if record.Status != states.StatusRunning {
		return record.Stop, nil
	}
	x := e.runtime.Live(record.ID)
	if x == nil {
		if record, err = e.recordOf(arn); err == nil && record.Status == states.StatusRunning {
			err = states.ErrStopped
		}
		return record.Stop, err
	}
	at, err := x.End(states.StatusAborted, &states.Failure{Error: name, Cause: cause})
	if err != nil {
		return at, fmt.Errorf("stop: %w", err)
	}
	return at, nil
}

// ListFilter selects executions. Exactly one of Machine and MapRunArn is set.
type ListFilter struct {
	Machine   string
	MapRunArn string
	Status    states.Status // "" means any
	Limit     int           // of one page; 0 means 1,000, the service's limit
	After     string        // the Next of the previous page, "" for the first page
}

// ExecutionPage is a page of executions without input and output: newest first,
// or child executions in the order of their items.
type ExecutionPage struct {
	Executions []states.Execution
	Next       string // "" on the last page
}

const maxPage = 1000

// List lists executions.
func (e *Engine) List(_ context.Context, filter ListFilter) (ExecutionPage, error) {
	prefix := journal.List(filter.Machine)
	if filter.MapRunArn != "" {
		run, ok := e.arns.MapRunID(filter.MapRunArn)
		if !ok {
			return ExecutionPage{}, fmt.Errorf("list executions: %w", states.ErrInvalidArn)
		}
		if _, found, err := e.journal.Get(journal.RunKey(run)); err != nil || !found {
			return ExecutionPage{}, fmt.Errorf("list executions: %w", cmp.Or(err, states.ErrMapRunDoesNotExist))
		}
		prefix = journal.Children(run)
	} else if e.config.Machines[filter.Machine] == nil {
		return ExecutionPage{}, fmt.Errorf("list executions: %w", states.ErrStateMachineDoesNotExist)
	}
	limit := filter.Limit
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	var page ExecutionPage
	err := e.journal.Scan(prefix+filter.After, journal.After(prefix), func(key string, id []byte) (bool, error) {
		record, found, err := journal.Load[journal.Execution](e.journal, journal.ExecutionKey(string(id)))
		if err != nil || !found || (filter.Status != "" && record.Status != filter.Status) {
			return err == nil, err
		}
		if len(page.Executions) == limit {
			page.Next = strings.TrimPrefix(key, prefix)
			return false, nil
		}
		listed := e.describe(record)
		listed.Input, listed.Output = nil, nil
		page.Executions = append(page.Executions, listed)
		return true, nil
	})
	if err != nil {
		return ExecutionPage{}, fmt.Errorf("list executions: %w", err)
	}
	return page, nil
}
