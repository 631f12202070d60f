package interpreter

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// overflow ends the execution at its event limit. x.mu is held.
func (x *Execution) overflow(ops []journal.Op) error {
	const cause = "The execution reached the maximum number of history events (25000)."
	failure := &states.Failure{Error: states.ErrorRuntime, Cause: cause}
	if err := x.endLocked(ops, states.StatusFailed, nil, failure); err != nil {
		return err
	}
	return errClosed
}

// finish ends the execution with the outcome of its own thread.
func (x *Execution) finish(out outcome) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return nil
	}
	ops, err := x.flush(x.root.ops, x.root)
	if errors.Is(err, errClosed) {
		return nil
	}
	if err != nil {
		return err
	}
	x.root.at = place{event: x.root.rec.Event}
	if out.failure != nil {
		return x.endLocked(ops, states.StatusFailed, nil, out.failure)
	}
	return x.endLocked(ops, states.StatusSucceeded, out.output, nil)
}

// End ends the execution from outside and returns the time of its end, once the
// end is durable. It does nothing if the execution has ended already.
func (x *Execution) End(status states.Status, failure *states.Failure) (time.Time, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return x.record.Stop, nil
	}
	err := x.endLocked(nil, status, nil, failure)
	return x.record.Stop, err
}

// Ended reports whether the execution has ended, durably. It waits for an end
// that is being written.
func (x *Execution) Ended() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.ended
}

// endLocked closes what is open, writes the last event and the record, and
// syncs. x.mu is held.
func (x *Execution) endLocked(
	ops []journal.Op, status states.Status, output json.RawMessage, failure *states.Failure,
) error {
	events, more := x.closing(x.root, true)
	ops = append(ops, more...)
	previous := x.root.at.event
	var err error
	for _, event := range events {
		if x.sequence.Last >= states.MaxEvents-1 {
			break
		}
		if ops, previous, err = x.append(ops, event, previous); err != nil {
			return err
		}
	}
	x.record.Status, x.record.Output, x.record.Failure = status, output, failure
	x.record.Stop = x.runtime.clock.Now()
	if ops, _, err = x.append(ops, x.lastEvent(), previous); err != nil {
		return err
	}
	if ops, err = x.endRecords(ops); err != nil {
		return err
	}
	if err := x.write(ops); err != nil {
		return err
	}
	if err := x.runtime.journal.Sync(); err != nil {
		return err
	}
	x.ended = true
	x.cancel()
	x.runtime.config.OnEnd(x.record)
	return nil
}

// endRecords removes the records that only a running execution needs and writes
// its final record.
func (x *Execution) endRecords(ops []journal.Op) ([]journal.Op, error) {
	id := x.record.ID
	record, err := journal.Put(journal.ExecutionKey(id), x.record)
	ops = append(ops, record, journal.Op{Key: journal.OpenKey(id)},
		journal.Remove(journal.Frames(id)), journal.Remove(journal.Answers(id)))
	if x.record.Run == "" {
		ops = append(ops, journal.Op{Key: journal.EndedKey(x.record.Stop, id), Value: []byte{}})
		if x.runtime.config.Notice {
			ops = append(ops, journal.Op{Key: journal.NoticeKey(id), Value: []byte{}})
		}
	}
	return ops, err
}

func (x *Execution) lastEvent() states.Event {
	event := states.Event{Timestamp: x.record.Stop, Type: "ExecutionSucceeded"}
	details := &states.ErrorDetails{}
	if x.record.Failure != nil {
		details = x.record.Failure.Details()
	}
	switch x.record.Status {
	case states.StatusSucceeded:
		text, cutOff := states.Data(x.record.Output)
		event.ExecutionSucceeded = &states.OutputDetails{Output: text, OutputDetails: cutOff}
	case states.StatusFailed:
		event.Type, event.ExecutionFailed = "ExecutionFailed", details
	case states.StatusAborted:
		event.Type, event.ExecutionAborted = "ExecutionAborted", details
	case states.StatusTimedOut:
		event.Type, event.ExecutionTimedOut = "ExecutionTimedOut", details
	}
	return event
}

// abortable are the types of state that have an aborted event.
var abortable = []string{asl.TypeTask, asl.TypeWait, asl.TypeMap, asl.TypeParallel}

// closing closes the frames inside f, and f itself if self is set. It returns
// the events and operations that record this: innermost frames first, map runs
// before their Map. x.mu is held.
func (x *Execution) closing(f *frame, self bool) ([]states.Event, []journal.Op) {
	var events []states.Event
	var ops []journal.Op
	for _, index := range slices.Sorted(maps.Keys(f.children)) {
		e, o := x.closing(f.children[index], true)
		events, ops = append(events, e...), append(ops, o...)
	}
	if !self {
		return events, ops
	}
	if f.closed.Swap(true) {
		return nil, nil
	}
	now := x.runtime.clock.Now()
	if f.run != nil {
		if op, ended := f.run.abort(now); ended {
			events = append(events, states.Event{Timestamp: now, Type: "MapRunAborted"})
			ops = append(ops, op)
		}
	}
	if f.at.state != "" {
		if s := f.flow.State(f.at.state); slices.Contains(abortable, s.Type) {
			events = append(events, states.Event{Timestamp: now, Type: s.Type + "StateAborted"})
		}
	}
	if it := f.iteration; it != nil && f.at.event != 0 && !f.at.done {
		events = append(events, states.Event{Timestamp: now, Type: "MapIterationAborted",
			IterationAborted: &states.IterationDetails{Name: it.name, Index: it.index}})
	}
	return events, ops
}

// closeInside ends everything inside a frame. The events are committed together
// with the frame's next step.
func (f *frame) closeInside() {
	f.x.mu.Lock()
	events, ops := f.x.closing(f, false)
	f.x.mu.Unlock()
	f.pending = append(f.pending, events...)
	f.ops = append(f.ops, ops...)
}
