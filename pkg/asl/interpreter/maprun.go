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

// MapRun drives the children of one map run. Only running children are in
// memory. Its exported methods are safe for concurrent use.
type MapRun struct {
	frame   *frame
	state   *asl.State
	inputs  []childInput
	changed chan struct{} // UpdateMapRun was called

	mu     sync.Mutex
	record journal.Run
	counts states.Counts // executions
	items  states.Counts
	next   int
	live   map[int]*Execution
	// again are children that ran when the engine stopped.
	again []journal.Execution
}

// takeUp counts the children that the journal holds.
func (r *MapRun) takeUp() error {
	r.counts.Total, r.items.Total = r.record.Executions, r.record.Items
	return journal.EachChild(r.frame.x.runtime.journal, r.record.ID, func(child journal.Execution) bool {
		r.next = child.Index + 1
		if child.Status == states.StatusRunning {
			r.again = append(r.again, child)
		} else {
			r.counts.Add(child.Status, 1)
			r.items.Add(child.Status, child.Items)
		}
		return true
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

func (r *MapRun) mayStart(running int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := r.record.Limits.Concurrency
	if limit == 0 || limit > distributedConcurrency {
		limit = distributedConcurrency
	}
	return running < limit && !r.tooManyFailed() && (len(r.again) > 0 || r.next < len(r.inputs))
}

func (r *MapRun) overThreshold() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tooManyFailed()
}

// tooManyFailed is overThreshold with r.mu held. Children never time out.
func (r *MapRun) tooManyFailed() bool { return r.record.Limits.Exceeded(r.items.Failed, r.items.Total) }

// start takes up a child that ran before, or begins the next.
func (r *MapRun) start(ends chan<- childDone) error {
	record, err := r.take()
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

func (r *MapRun) take() (journal.Execution, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.again) > 0 {
		record := r.again[0]
		r.again = r.again[1:]
		return record, nil
	}
	x := r.frame.x
	rt, in := x.runtime, r.inputs[r.next]
	name := rt.UUID()
	record := journal.Execution{
		ID: x.record.Machine + "/" + r.state.Map.Label + ":" + name, Name: name, Machine: x.record.Machine,
		Definition: x.record.Definition, Status: states.StatusRunning, Start: rt.clock.Now(), Input: in.raw,
		Run: r.record.ID, State: r.state.Name, Index: r.next, Items: in.items,
	}
	ops, err := rt.StartOps(record)
	if err != nil {
		return record, err
	}
	r.inputs[r.next].raw = nil
	r.next++
	// No sync: a child that is lost is begun again, and nothing outside knows
	// of it before its first task, which syncs.
	child := journal.Op{Key: journal.ChildKey(r.record.ID, record.Index), Value: []byte(record.ID)}
	return record, rt.journal.Write(append(ops, child))
}

// gather counts a child that ended.
func (r *MapRun) gather(end childDone) error {
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

// stopLive stops the children that run. Their goroutines still end by
// themselves.
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

// abort marks the run aborted, and reports false where it has ended already.
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

// end gives the run its last status.
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

// Describe gives the map run as it is now.
func (r *MapRun) Describe() (record journal.Run, executions, items states.Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	executions, items = r.snapshot()
	return r.record, executions, items
}

// Update changes the limits of the map run and journals them without a sync. It
// fails with states.ErrValidation where the map run has ended.
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

// snapshot gives the counts with what is still to come. r.mu is held.
func (r *MapRun) snapshot() (executions, items states.Counts) {
	executions, items = r.counts, r.items
	executions.Complete()
	items.Complete()
	return executions, items
}
