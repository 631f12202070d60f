package asl

import (
	"context"
	"errors"
	"sync"
	"time"
)

// mapRun drives the children of one map run. Only running children are in
// memory.
type mapRun struct {
	frame   *frame
	state   *State
	inputs  []childInput
	changed chan struct{} // UpdateMapRun was called

	mu     sync.Mutex
	record runRecord
	counts Counts // executions
	items  Counts
	next   int
	live   map[int]*execution
	// again are children that ran when the engine stopped.
	again []executionRecord
}

// takeUp counts the children that the journal holds.
func (r *mapRun) takeUp() error {
	r.counts.Total, r.items.Total = r.record.Executions, r.record.Items
	return r.children(func(child executionRecord) bool {
		r.next = child.Index + 1
		if child.Status == StatusRunning {
			r.again = append(r.again, child)
		} else {
			r.counts.add(child.Status, 1)
			r.items.add(child.Status, child.Items)
		}
		return true
	})
}

// children visits the records of the children that were started, in order.
func (r *mapRun) children(visit func(executionRecord) bool) error {
	return r.frame.x.engine.children(r.record.ID, visit)
}

func (e *Engine) children(run string, visit func(executionRecord) bool) error {
	prefix := spaceChild + run + "\x00"
	return e.journal.Scan(prefix, after(prefix), func(_ string, id []byte) (bool, error) {
		record, found, err := load[executionRecord](e.journal, spaceExecution+string(id))
		if err != nil || !found {
			return err == nil, err
		}
		return visit(record), nil
	})
}

// childDone is how a child's goroutine ended.
type childDone struct {
	index int
	err   error
}

// drive starts children as MaxConcurrency allows until all have ended or too
// many have failed, in which case those that run are stopped. It returns when
// every goroutine of theirs has ended.
func (r *mapRun) drive(ctx context.Context) error {
	ends := make(chan childDone)
	stop := ctx.Done()
	var fault error
	for running := 0; ; {
		for fault == nil && ctx.Err() == nil && r.mayStart(running) {
			if fault = r.start(ends); fault == nil {
				running++
			}
		}
		if running == 0 {
			break
		}
		select {
		case end := <-ends:
			running--
			if err := r.gather(end); err != nil && fault == nil {
				fault = err
			}
			if fault == nil && r.overThreshold() {
				fault = r.stopLive("The map run passed its tolerated failure threshold.")
			}
		case <-r.changed:
		case <-stop:
			stop = nil
			if r.frame.isClosed() {
				fault = r.stopLive("The map run was stopped.")
			}
		}
	}
	if fault == nil {
		fault = ctx.Err()
	}
	return fault
}

func (r *mapRun) mayStart(running int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := r.record.Limits.Concurrency
	if limit == 0 || limit > distributedConcurrency {
		limit = distributedConcurrency
	}
	over := r.record.Limits.exceeded(r.items.Failed+r.items.TimedOut, r.items.Total)
	return running < limit && !over && (len(r.again) > 0 || r.next < len(r.inputs))
}

func (r *mapRun) overThreshold() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.record.Limits.exceeded(r.items.Failed+r.items.TimedOut, r.items.Total)
}

// start takes up a child that ran before, or begins the next.
func (r *mapRun) start(ends chan<- childDone) error {
	record, err := r.take()
	if err != nil {
		return err
	}
	e := r.frame.x.engine
	x, err := e.open(record)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.live[record.Index] = x
	r.counts.Running++
	r.items.Running += record.Items
	r.mu.Unlock()
	e.mu.Lock()
	e.live[record.ID] = x
	e.mu.Unlock()
	e.group.Go(func() error {
		err := x.run()
		e.forget(x)
		ends <- childDone{index: record.Index, err: err}
		return nil
	})
	return nil
}

func (r *mapRun) take() (executionRecord, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.again) > 0 {
		record := r.again[0]
		r.again = r.again[1:]
		return record, nil
	}
	x := r.frame.x
	e, in := x.engine, r.inputs[r.next]
	name := e.uuid()
	record := executionRecord{
		ID: x.record.Machine + "/" + r.state.Map.Label + ":" + name, Name: name, Machine: x.record.Machine,
		Definition: x.record.Definition, Status: StatusRunning, Start: e.clock.Now(), Input: in.raw,
		Run: r.record.ID, State: r.state.Name, Index: r.next, Items: in.items,
	}
	ops, err := e.startOps(record)
	if err != nil {
		return record, err
	}
	r.inputs[r.next].raw = nil
	r.next++
	// Lazily: a child that is lost is begun again, and nothing knows of it
	// before its first task, which syncs.
	return record, e.journal.Write(append(ops, Op{Key: childKey(r.record.ID, record.Index), Value: []byte(record.ID)}))
}

// gather counts a child that ended.
func (r *mapRun) gather(end childDone) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.live[end.index]
	delete(r.live, end.index)
	x.mu.Lock()
	status, items := x.record.Status, x.record.Items
	x.mu.Unlock()
	r.counts.Running--
	r.items.Running -= items
	if status != StatusRunning {
		r.counts.add(status, 1)
		r.items.add(status, items)
	}
	return end.err
}

// stopLive stops the children that run. Their goroutines still end by
// themselves.
func (r *mapRun) stopLive(cause string) error {
	r.mu.Lock()
	live := make([]*execution, 0, len(r.live))
	for _, x := range r.live {
		live = append(live, x)
	}
	r.mu.Unlock()
	for _, x := range live {
		if _, err := x.end(StatusAborted, &Failure{Cause: cause}); err != nil && !errors.Is(err, errClosed) {
			return err
		}
	}
	return nil
}

// abort marks the run aborted, and reports false where it has ended already.
func (r *mapRun) abort(now time.Time) (Op, bool) {
	r.mu.Lock()
	ended := r.record.Status != StatusRunning
	r.mu.Unlock()
	if ended {
		return Op{}, false
	}
	op, err := r.end(StatusAborted, now)
	return op, err == nil
}

// end gives the run its last status.
func (r *mapRun) end(status Status, now time.Time) (Op, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.record.Status == StatusRunning {
		r.record.Status, r.record.Stop = status, now
	}
	executions, items := r.snapshot()
	if status == StatusAborted {
		executions.Aborted, items.Aborted = executions.Aborted+executions.Running, items.Aborted+items.Running
		executions.Running, items.Running = 0, 0
	}
	r.record.ExecutionCounts, r.record.ItemCounts = &executions, &items
	return put(spaceRun+r.record.ID, r.record)
}

// snapshot gives the counts with what is still to come. r.mu is held.
func (r *mapRun) snapshot() (executions, items Counts) {
	executions, items = r.counts, r.items
	executions.Pending = executions.Total - executions.Running - executions.ended()
	items.Pending = items.Total - items.Running - items.ended()
	executions.ResultsWritten, items.ResultsWritten = executions.Succeeded, items.Succeeded
	return executions, items
}

// abandon ends a map run that nothing drives any more, and its children.
func (e *Engine) abandon(run string) error {
	record, found, err := load[runRecord](e.journal, spaceRun+run)
	if err != nil || !found || record.Status != StatusRunning {
		return err
	}
	var open []executionRecord
	err = e.children(run, func(child executionRecord) bool {
		if child.Status == StatusRunning {
			open = append(open, child)
		}
		return true
	})
	if err != nil {
		return err
	}
	record.Status, record.Stop = StatusAborted, e.clock.Now()
	op, err := put(spaceRun+run, record)
	if err != nil {
		return err
	}
	if err := e.journal.Write([]Op{op}); err != nil {
		return err
	}
	for _, child := range open {
		if err := e.stopOrphan(child); err != nil {
			return err
		}
	}
	return nil
}

// abandonRuns ends the map runs of an execution that is over and whose
// goroutines have ended.
func (e *Engine) abandonRuns(id string) error {
	prefix := spaceRunList + id + "\x00"
	var runs []string
	err := e.journal.Scan(prefix, after(prefix), func(_ string, run []byte) (bool, error) {
		runs = append(runs, string(run))
		return true, nil
	})
	for _, run := range runs {
		if err == nil {
			err = e.abandon(run)
		}
	}
	return err
}
