package asl

import (
	"context"
	"fmt"
)

// RunUpdate is what UpdateMapRun changes; nil leaves a limit as it is.
type RunUpdate struct {
	MaxConcurrency             *int
	ToleratedFailurePercentage *float64
	ToleratedFailureCount      *int64
}

func (e *Engine) liveRun(id string) *mapRun {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.runs[id]
}

// DescribeMapRun tells of a map run, ErrMapRunDoesNotExist where there is
// none.
func (e *Engine) DescribeMapRun(_ context.Context, arn string) (MapRun, error) {
	id, is := e.arns.mapRunID(arn)
	if !is {
		return MapRun{}, fmt.Errorf("map run %q: %w", arn, ErrInvalidArn)
	}
	if run := e.liveRun(id); run != nil {
		run.mu.Lock()
		defer run.mu.Unlock()
		executions, items := run.snapshot()
		return e.describeRun(run.record, executions, items), nil
	}
	record, found, err := load[runRecord](e.journal, spaceRun+id)
	if err == nil && !found {
		err = ErrMapRunDoesNotExist
	}
	if err != nil {
		return MapRun{}, fmt.Errorf("map run %q: %w", arn, err)
	}
	if record.ExecutionCounts != nil {
		return e.describeRun(record, *record.ExecutionCounts, *record.ItemCounts), nil
	}
	executions, items, err := e.countChildren(record)
	if err != nil {
		return MapRun{}, fmt.Errorf("map run %q: %w", arn, err)
	}
	return e.describeRun(record, executions, items), nil
}

func (e *Engine) countChildren(record runRecord) (executions, items Counts, err error) {
	executions.Total, items.Total = record.Executions, record.Items
	err = e.children(record.ID, func(child executionRecord) bool {
		executions.add(child.Status, 1)
		items.add(child.Status, child.Items)
		return true
	})
	executions.Pending = executions.Total - executions.Running - executions.ended()
	items.Pending = items.Total - items.Running - items.ended()
	executions.ResultsWritten, items.ResultsWritten = executions.Succeeded, items.Succeeded
	return executions, items, err
}

func (e *Engine) describeRun(r runRecord, executions, items Counts) MapRun {
	return MapRun{
		MapRunArn: e.arns.mapRun(r.ID), ExecutionArn: e.arns.execution(r.Execution), StateMachineArn: e.arns.machine(r.Machine),
		Status: r.Status, StartDate: r.Start, StopDate: r.Stop, MaxConcurrency: r.Limits.Concurrency,
		ToleratedFailurePercentage: r.Limits.Percentage, ToleratedFailureCount: r.Limits.Count,
		ItemCounts: items, ExecutionCounts: executions,
	}
}

// ListMapRuns lists the map runs of an execution, the oldest first.
func (e *Engine) ListMapRuns(ctx context.Context, executionArn string) ([]MapRun, error) {
	record, err := e.recordOf(executionArn)
	if err != nil {
		return nil, err
	}
	var ids []string
	prefix := spaceRunList + record.ID + "\x00"
	err = e.journal.Scan(prefix, after(prefix), func(_ string, id []byte) (bool, error) {
		ids = append(ids, string(id))
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list map runs: %w", err)
	}
	runs := make([]MapRun, len(ids))
	for i, id := range ids {
		if runs[i], err = e.DescribeMapRun(ctx, e.arns.mapRun(id)); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// UpdateMapRun changes the limits of a running map run. It returns once that
// is durable.
func (e *Engine) UpdateMapRun(_ context.Context, arn string, update RunUpdate) error {
	id, is := e.arns.mapRunID(arn)
	if !is {
		return fmt.Errorf("update map run %q: %w", arn, ErrInvalidArn)
	}
	if err := update.check(); err != nil {
		return fmt.Errorf("update map run %q: %w", arn, err)
	}
	run := e.liveRun(id)
	if run == nil {
		return fmt.Errorf("update map run %q: %w", arn, ErrMapRunDoesNotExist)
	}
	if err := run.update(update); err != nil {
		return fmt.Errorf("update map run %q: %w", arn, err)
	}
	return e.journal.Sync()
}

func (u RunUpdate) check() error {
	switch {
	case u.MaxConcurrency != nil && *u.MaxConcurrency < 0:
		return fmt.Errorf("%w: maxConcurrency is negative", ErrValidation)
	case u.ToleratedFailureCount != nil && *u.ToleratedFailureCount < 0:
		return fmt.Errorf("%w: toleratedFailureCount is negative", ErrValidation)
	case u.ToleratedFailurePercentage != nil && (*u.ToleratedFailurePercentage < 0 || *u.ToleratedFailurePercentage > 100):
		return fmt.Errorf("%w: toleratedFailurePercentage is not from 0 to 100", ErrValidation)
	}
	return nil
}

func (r *mapRun) update(u RunUpdate) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.record.Status != StatusRunning {
		return fmt.Errorf("%w: the map run has ended", ErrValidation)
	}
	if u.MaxConcurrency != nil {
		r.record.Limits.Concurrency = *u.MaxConcurrency
	}
	if u.ToleratedFailurePercentage != nil {
		r.record.Limits.Percentage, r.record.Limits.HasPercentage = *u.ToleratedFailurePercentage, true
	}
	if u.ToleratedFailureCount != nil {
		r.record.Limits.Count, r.record.Limits.HasCount = *u.ToleratedFailureCount, true
	}
	op, err := put(spaceRun+r.record.ID, r.record)
	if err != nil {
		return err
	}
	if err := r.frame.x.engine.journal.Write([]Op{op}); err != nil {
		return err
	}
	select {
	case r.changed <- struct{}{}:
	default:
	}
	return nil
}
