package engine

import (
	"context"
	"fmt"

	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// RunUpdate holds the new limits for UpdateMapRun; nil keeps a limit.
type RunUpdate struct {
	MaxConcurrency             *int
	ToleratedFailurePercentage *float64
	ToleratedFailureCount      *int64
}

// DescribeMapRun returns a map run, or fails with states.ErrMapRunDoesNotExist.
func (e *Engine) DescribeMapRun(_ context.Context, arn string) (states.MapRun, error) {
	id, ok := e.arns.MapRunID(arn)
	if !ok {
		return states.MapRun{}, fmt.Errorf("map run %q: %w", arn, states.ErrInvalidArn)
	}
	if run := e.runtime.LiveRun(id); run != nil {
		return e.describeRun(run.Describe()), nil
	}
	record, found, err := journal.Load[journal.Run](e.journal, journal.RunKey(id))
	if err == nil && !found {
		err = states.ErrMapRunDoesNotExist
	}
	if err != nil {
		return states.MapRun{}, fmt.Errorf("map run %q: %w", arn, err)
	}
	if record.ExecutionCounts != nil {
		return e.describeRun(record, *record.ExecutionCounts, *record.ItemCounts), nil
	}
	executions, items, err := e.countChildren(record)
	if err != nil {
		return states.MapRun{}, fmt.Errorf("map run %q: %w", arn, err)
	}
	return e.describeRun(record, executions, items), nil
}

func (e *Engine) countChildren(record journal.Run) (executions, items states.Counts, err error) {
	executions.Total, items.Total = record.Executions, record.Items
	err = journal.EachChild(e.journal, record.ID, func(child journal.Execution) bool {
		executions.Add(child.Status, 1)
		items.Add(child.Status, child.Items)
		return true
	})
	executions.Complete()
	items.Complete()
	return executions, items, err
}

func (e *Engine) describeRun(r journal.Run, executions, items states.Counts) states.MapRun {
	return states.MapRun{
		MapRunArn:                  e.arns.MapRun(r.ID),
		ExecutionArn:               e.arns.Execution(r.Execution),
		StateMachineArn:            e.arns.Machine(r.Machine),
		Status:                     r.Status,
		StartDate:                  r.Start,
		StopDate:                   r.Stop,
		MaxConcurrency:             r.Limits.Concurrency,
		ToleratedFailurePercentage: r.Limits.Percentage,
		ToleratedFailureCount:      r.Limits.Count,
		ItemCounts:                 items,
		ExecutionCounts:            executions,
	}
}

// ListMapRuns lists the map runs of an execution, oldest first.
func (e *Engine) ListMapRuns(ctx context.Context, executionArn string) ([]states.MapRun, error) {
	record, err := e.recordOf(executionArn)
	if err != nil {
		return nil, err
	}
	ids, err := journal.Values(e.journal, journal.Runs(record.ID))
	if err != nil {
		return nil, fmt.Errorf("list map runs: %w", err)
	}
	runs := make([]states.MapRun, len(ids))
	for i, id := range ids {
		if runs[i], err = e.DescribeMapRun(ctx, e.arns.MapRun(id)); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// UpdateMapRun changes the limits of a running map run. It returns once the
// change is durable.
func (e *Engine) UpdateMapRun(_ context.Context, arn string, update RunUpdate) error {
	id, ok := e.arns.MapRunID(arn)
	if !ok {
		return fmt.Errorf("update map run %q: %w", arn, states.ErrInvalidArn)
	}
	if err := update.check(); err != nil {
		return fmt.Errorf("update map run %q: %w", arn, err)
	}
	run := e.runtime.LiveRun(id)
	if run == nil {
		return fmt.Errorf("update map run %q: %w", arn, states.ErrMapRunDoesNotExist)
	}
	if err := run.Update(update.apply); err != nil {
		return fmt.Errorf("update map run %q: %w", arn, err)
	}
	return e.journal.Sync()
}

func (u RunUpdate) check() error {
	switch {
	case u.MaxConcurrency != nil && *u.MaxConcurrency < 0:
		return fmt.Errorf("%w: maxConcurrency is negative", states.ErrValidation)
	case u.ToleratedFailureCount != nil && *u.ToleratedFailureCount < 0:
		return fmt.Errorf("%w: toleratedFailureCount is negative", states.ErrValidation)
	case u.ToleratedFailurePercentage != nil && (*u.ToleratedFailurePercentage < 0 || *u.ToleratedFailurePercentage > 100):
		return fmt.Errorf("%w: toleratedFailurePercentage is not from 0 to 100", states.ErrValidation)
	}
	return nil
}

func (u RunUpdate) apply(limits *journal.Limits) {
	if u.MaxConcurrency != nil {
		limits.Concurrency = *u.MaxConcurrency
	}
	if u.ToleratedFailurePercentage != nil {
		limits.Percentage, limits.HasPercentage = *u.ToleratedFailurePercentage, true
	}
	if u.ToleratedFailureCount != nil {
		limits.Count, limits.HasCount = *u.ToleratedFailureCount, true
	}
}
