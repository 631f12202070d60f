package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// ListFilter selects executions. Exactly one of Machine and MapRunArn is set.
type ListFilter struct {
	Machine   string
	MapRunArn string
	// Status selects one status, "" all.
	Status Status
	// Limit bounds one page; 0 means 1,000, the service's bound.
	Limit int
	// After is the Next of the page before.
	After string
}

// ExecutionPage is a page of executions without their input and output: the
// newest first, children of a Map in the order of their items.
type ExecutionPage struct {
	Executions []Execution
	// Next is "" on the last page.
	Next string
}

const maxPage = 1000

// List lists executions.
func (e *Engine) List(_ context.Context, filter ListFilter) (ExecutionPage, error) {
	prefix := spaceList + filter.Machine + "\x00"
	if filter.MapRunArn != "" {
		run, is := e.arns.mapRunID(filter.MapRunArn)
		if !is {
			return ExecutionPage{}, fmt.Errorf("list executions: %w", ErrInvalidArn)
		}
		prefix = spaceChild + run + "\x00"
	} else if e.config.Machines[filter.Machine] == nil {
		return ExecutionPage{}, fmt.Errorf("list executions: %w", ErrStateMachineDoesNotExist)
	}
	limit := filter.Limit
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	var page ExecutionPage
	err := e.journal.Scan(prefix+filter.After, after(prefix), func(key string, id []byte) (bool, error) {
		record, found, err := load[executionRecord](e.journal, spaceExecution+string(id))
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

// HistoryPage is a page of an execution's events.
type HistoryPage struct {
	Events []Event
	// Next is the id of the event that the next page begins with, 0 on the
	// last page.
	Next int64
}

// History gives the events of an execution from the id from on, upwards or,
// with reverse, downwards; from 0 is the first, or with reverse the last. A
// page has at most limit events; 0 means 1,000, the service's bound. Events of
// states that only compute appear together with the next state that waits.
func (e *Engine) History(_ context.Context, arn string, from int64, limit int, reverse bool) (HistoryPage, error) {
	record, err := e.recordOf(arn)
	if err != nil {
		return HistoryPage{}, err
	}
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	sequence, _, err := load[sequenceRecord](e.journal, spaceSequence+record.ID)
	if err != nil {
		return HistoryPage{}, fmt.Errorf("history of %s: %w", arn, err)
	}
	var low, high int64
	if reverse {
		if high = sequence.Last; from > 0 {
			high = min(from, high)
		}
		low = max(high-int64(limit)+1, 1)
	} else {
		low = max(from, 1)
		high = min(low+int64(limit)-1, sequence.Last)
	}
	page := HistoryPage{}
	err = e.journal.Scan(historyKey(record.ID, low), historyKey(record.ID, high+1), func(_ string, value []byte) (bool, error) {
		var event Event
		if err := json.Unmarshal(value, &event); err != nil {
			return false, fmt.Errorf("decode event: %w", err)
		}
		page.Events = append(page.Events, event)
		return true, nil
	})
	if err != nil {
		return HistoryPage{}, fmt.Errorf("history of %s: %w", arn, err)
	}
	switch {
	case reverse && low > 1:
		page.Next = low - 1
	case !reverse && high < sequence.Last:
		page.Next = high + 1
	}
	if reverse {
		slices.Reverse(page.Events)
	}
	return page, nil
}
