package interpreter

import (
	"context"
	"fmt"
	"sync"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// MapRun drives the child executions of one map run, of which only the running
// ones are in memory. Its exported methods are safe for concurrent use.
type MapRun struct {
	frame   *frame
	state   *asl.State
	inputs  []childInput
	changed chan struct{} // Update was called

	mu     sync.Mutex
	record journal.Run
	counts states.Counts // executions
	items  states.Counts
	next   int
	live   map[int]*Execution
	// interrupted are child executions that ran when the last engine stopped.
	interrupted []journal.Execution
}

// resume counts the journalled child executions and finds the running ones.
func (r *MapRun) resume() error {
	r.counts.Total, r.items.Total = r.record.Executions, r.record.Items
	return journal.EachChild(r.frame.x.runtime.journal, r.record.ID, func(child journal.Execution) bool {
		r.next = child.Index + 1
		if child.Status == states.StatusRunning {
			r.interrupted = append(r.interrupted, child)
		} else {
			r.counts.Add(child.Status, 1)
			r.items.Add(child.Status, child.Items)
		}
		return true
	})
}

// childDone is the end of a child execution's goroutine.
type childDone struct {
	index int
	err   error
}

// drive starts child executions within MaxConcurrency until all have ended. If
// too many fail, it stops the running ones. It returns when all their
// goroutines have ended.
func (r *MapRun) drive(ctx context.Context) error {
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
			if err := r.childEnded(end); err != nil && fault == nil {
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

func (r *MapRun) mayStart(running int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := r.record.Limits.Concurrency
	if limit == 0 || limit > distributedConcurrency {
		limit = distributedConcurrency
	}
	return running < limit && !r.tooManyFailed() && (len(r.interrupted) > 0 || r.next < len(r.inputs))
}

func (r *MapRun) overThreshold() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tooManyFailed()
}

// tooManyFailed is overThreshold with r.mu held. Child executions never time
// out.
func (r *MapRun) tooManyFailed() bool { return r.record.Limits.Exceeded(r.items.Failed, r.items.Total) }

// start resumes an interrupted child execution or starts the next one.
func (r *MapRun) start(ends chan<- childDone) error {
	record, err := r.nextChild()
	if err != nil {
		return err
	}
	rt := r.frame.x.runtime
	x, err := rt.open(record)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.live[record.Index] = x
	r.counts.Running++
	r.items.Running += record.Items
	r.mu.Unlock()
	rt.mu.Lock()
	rt.live[record.ID] = x
	rt.mu.Unlock()
	rt.group.Go(func() error {
		err := x.run()
		rt.forget(x)
		ends <- childDone{index: record.Index, err: err}
		return nil
	})
	return nil
}

func (r *MapRun) nextChild() (journal.Execution, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.interrupted) > 0 {
		record := r.interrupted[0]
		r.interrupted = r.interrupted[1:]
		return record, nil
	}
	x := r.frame.x
	rt, in := x.runtime, r.inputs[r.next]
	name := rt.UUID()
	record := journal.Execution{
		ID:         x.record.Machine + "/" + r.state.Map.Label + ":" + name,
		Name:       name,
		Machine:    x.record.Machine,
		Definition: x.record.Definition,
		Status:     states.StatusRunning,
		Start:      rt.clock.Now(),
		Input:      in.raw,
		Run:        r.record.ID,
		State:      r.state.Name,
		Index:      r.next,
		Items:      in.items,
	}
	ops, err := rt.StartOps(record)
	if err != nil {
		return record, err
	}
	r.inputs[r.next].raw = nil
	r.next++
	// No sync: a lost child execution is started again, and it has no effect
	// outside before its first task, which syncs.
	child := journal.Op{Key: journal.ChildKey(r.record.ID, record.Index), Value: []byte(record.ID)}
	return record, rt.journal.Write(append(ops, child))
}

// childEnded counts a child execution that ended.
func (r *MapRun) childEnded(end childDone) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.live[end.index]
	delete(r.live, end.index)
	x.mu.Lock()
	status, items := x.record.Status, x.record.Items
	x.mu.Unlock()
	r.counts.Running--
	r.items.Running -= items
	if status != states.StatusRunning {
		r.counts.Add(status, 1)
		r.items.Add(status, items)
	}
	return end.err
}

// stopLive stops the running child executions without waiting for their
// goroutines.
func (r *MapRun) stopLive(cause string) error {
	r.mu.Lock()
	live := make([]*Execution, 0, len(r.live))
	for _, x := range r.live {
		live = append(live, x)
	}
	r.mu.Unlock()
	for _, x := range live {
		if _, err := x.End(states.StatusAborted, &states.Failure{Cause: cause}); err != nil {
			return err
		}
	}
	return nil
}

// abort marks the map run aborted, or returns false if it has ended already.
func (r *MapRun) abort(now time.Time) (journal.Op, bool) {
	r.mu.Lock()
	ended := r.record.Status != states.StatusRunning
	r.mu.Unlock()
	if ended {
		return journal.Op{}, false
	}
	op, err := r.end(states.StatusAborted, now)
	return op, err == nil
}

// end sets the map run's final status and counts.
func (r *MapRun) end(status states.Status, now time.Time) (journal.Op, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.record.Status == states.StatusRunning {
		r.record.Status, r.record.Stop = status, now
	}
	executions, items := r.snapshot()
	if status == states.StatusAborted {
		executions.Aborted, items.Aborted = executions.Aborted+executions.Running, items.Aborted+items.Running
		executions.Running, items.Running = 0, 0
	}
	r.record.ExecutionCounts, r.record.ItemCounts = &executions, &items
	return journal.Put(journal.RunKey(r.record.ID), r.record)
}

// Describe returns the current state of the map run.
func (r *MapRun) Describe() (record journal.Run, executions, items states.Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	executions, items = r.snapshot()
	return r.record, executions, items
}

// Update changes the limits of the map run and journals them without a sync. It
// fails with states.ErrValidation if the map run has ended.
func (r *MapRun) Update(change func(*journal.Limits)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.record.Status != states.StatusRunning {
		return fmt.Errorf("%w: the map run has ended", states.ErrValidation)
	}
	change(&r.record.Limits)
	op, err := journal.Put(journal.RunKey(r.record.ID), r.record)
	if err != nil {
		return err
	}
	if err := r.frame.x.runtime.journal.Write([]journal.Op{op}); err != nil {
		return err
	}
	select {
	case r.changed <- struct{}{}:
	default:
	}
	return nil
}

// snapshot returns the complete counts. r.mu is held.
func (r *MapRun) snapshot() (executions, items states.Counts) {
	executions, items = r.counts, r.items
	executions.Complete()
	items.Complete()
	return executions, items
}
