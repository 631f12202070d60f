package interpreter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/jsonata"
	"reprise/pkg/asl/states"
)

// errClosed stops the goroutines of an execution or thread that has ended:
// their later results are not journalled.
var errClosed = errors.New("the execution or this part of it is over")

// Execution is an execution that this process drives. Methods are safe for
// concurrent use.
type Execution struct {
	runtime *Runtime
	machine *asl.Machine
	// refused is why the execution cannot run: an earlier engine accepted what
	// this one does not. run then fails it.
	refused *states.Failure
	flow    *asl.Flow // the machine's own or, for a child execution, an item processor
	ctx     context.Context
	cancel  context.CancelFunc

	// mu orders all writes for the execution, so that event ids have no gaps.
	// It is held during writes but not during syncs, so that branches share
	// syncs. Only the end syncs with mu held, so that nobody sees an end that a
	// crash could undo.
	mu       sync.Mutex
	record   journal.Execution
	sequence journal.Sequence
	root     *frame
	ended    bool
	// unresumed holds, by path, the journalled frames that are not resumed yet.
	unresumed map[string]journal.Frame

	inputOnce sync.Once
	input     any
}

// decodedInput is the execution's input, decoded once.
func (x *Execution) decodedInput() any {
	x.inputOnce.Do(func() {
		if v, err := jsonata.Decode(x.record.Input); err == nil {
			x.input = v
		}
	})
	return x.input
}

// open loads an execution from the journal.
func (rt *Runtime) open(record journal.Execution) (*Execution, error) {
	x := &Execution{runtime: rt, flow: &asl.Flow{}, record: record, unresumed: map[string]journal.Frame{}}
	m, err := rt.machine(record.Machine, record.Definition)
	switch outdated := (*asl.DefinitionError)(nil); {
	case errors.As(err, &outdated):
		x.refuse("definition", err)
	case err != nil:
		return nil, err
	case record.Run != "":
		x.machine, x.flow = m, m.Processor(record.State)
	default:
		x.machine, x.flow = m, m.Flow()
	}
	x.check("input", record.Input)
	if x.sequence, _, err = journal.Load[journal.Sequence](rt.journal, journal.SequenceKey(record.ID)); err != nil {
		return nil, err
	}
	prefix := journal.Frames(record.ID)
	err = rt.journal.Scan(prefix, journal.After(prefix), func(key string, value []byte) (bool, error) {
		var f journal.Frame
		if err := journal.Decode(value, &f); err != nil {
			x.refuse("record", err)
			return true, nil
		}
		x.checkFrame(f)
		x.unresumed[strings.TrimPrefix(key, prefix)] = f
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	x.ctx, x.cancel = context.WithCancel(rt.ctx)
	x.root = newFrame(x, nil, "", x.flow)
	if x.refused != nil {
		x.root.at = place{event: x.sequence.Last}
	} else if !x.root.resume() {
		x.root.rec = journal.Frame{State: x.flow.StartAt, Input: record.Input, Event: 1}
		x.root.at = place{event: 1}
	}
	return x, nil
}

// run drives the execution until it ends or the engine stops. An error is the
// journal's.
func (x *Execution) run() error {
	defer x.cancel()
	if x.refused != nil {
		return x.fail(x.refused)
	}
	if seconds := x.machine.TimeoutSeconds; seconds > 0 && x.record.Run == "" {
		deadline := x.record.Start.Add(time.Duration(seconds) * time.Second)
		x.runtime.group.Go(func() error { return x.watch(deadline) })
	}
	out, err := x.root.drive(x.ctx)
	if err == nil {
		return x.finish(out)
	}
	if errors.Is(err, journal.ErrRecord) {
		return x.fail(&states.Failure{Error: states.ErrorRuntime, Cause: err.Error()})
	}
	if !closedOrCanceled(err) {
		return err
	}
	if x.root.isClosed() && x.runtime.ctx.Err() == nil {
		return x.runtime.abandonRuns(x.record.ID)
	}
	return nil
}

// fail ends an execution that cannot go on, with its map runs.
func (x *Execution) fail(failure *states.Failure) error {
	if _, err := x.End(states.StatusFailed, failure); err != nil {
		return err
	}
	return x.runtime.abandonRuns(x.record.ID)
}

func (x *Execution) refuse(what string, err error) {
	x.refused = &states.Failure{Error: states.ErrorRuntime,
		Cause: fmt.Sprintf("The execution's %s, of an earlier version, is no longer accepted: %s", what, err)}
}

func (x *Execution) check(what string, raw json.RawMessage) {
	if len(raw) == 0 {
		return
	}
	if err := jsonata.Check(raw); err != nil {
		x.refuse(what, err)
	}
}

func (x *Execution) checkFrame(f journal.Frame) {
	x.check("state input", f.Input)
	x.check("state output", f.Output)
	for name, raw := range f.Vars {
		x.check("variable "+name, raw)
	}
}

// watch ends the execution at the deadline of the machine's TimeoutSeconds.
func (x *Execution) watch(deadline time.Time) error {
	fired, release := x.runtime.clock.At(deadline)
	defer release()
	select {
	case <-x.ctx.Done():
		return nil
	case <-fired:
	}
	_, err := x.End(states.StatusTimedOut,
		&states.Failure{Error: states.ErrorTimeout, Cause: "The execution passed TimeoutSeconds of the state machine."})
	return err
}

// append gives an event the next id and its predecessor. x.mu is held.
func (x *Execution) append(ops []journal.Op, event states.Event, previous int64) ([]journal.Op, int64, error) {
	x.sequence.Last++
	if event.Timestamp.Before(x.sequence.Time) {
		event.Timestamp = x.sequence.Time
	}
	x.sequence.Time = event.Timestamp
	event.ID, event.PreviousEventID = x.sequence.Last, previous
	op, err := journal.Put(journal.HistoryKey(x.record.ID, event.ID), event)
	return append(ops, op), event.ID, err
}

// commit writes a frame's pending events and operations and its record, all or
// none, without a sync. It fails with errClosed if the frame is closed, and
// ends the execution if its history is full.
func (x *Execution) commit(f *frame, extra ...journal.Op) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended || f.isClosed() {
		return errClosed
	}
	ops, err := x.flush(append(f.ops, extra...), f)
	if err != nil {
		return err
	}
	record, err := journal.Put(journal.FrameKey(x.record.ID, f.path), f.rec)
	if err != nil {
		return err
	}
	f.ops, f.at = nil, f.place()
	return x.write(append(ops, record))
}

// write writes operations together with the execution's Sequence. x.mu is held.
func (x *Execution) write(ops []journal.Op) error {
	sequence, err := journal.Put(journal.SequenceKey(x.record.ID), x.sequence)
	if err != nil {
		return err
	}
	return x.runtime.journal.Write(append(ops, sequence))
}

// flush numbers a frame's pending events. If they would fill the history, it
// ends the execution instead. x.mu is held.
func (x *Execution) flush(ops []journal.Op, f *frame) ([]journal.Op, error) {
	pending := f.pending
	f.pending = nil
	for _, event := range pending {
		if x.sequence.Last >= states.MaxEvents-1 {
			return nil, x.overflow(ops)
		}
		var err error
		if ops, f.rec.Event, err = x.append(ops, event, f.rec.Event); err != nil {
			return nil, err
		}
	}
	return ops, nil
}

// StartOps are the operations that start an execution: its record, its first
// event and its open key.
func (rt *Runtime) StartOps(record journal.Execution) ([]journal.Op, error) {
	text, details := states.Data(record.Input)
	event := states.Event{Timestamp: record.Start, Type: "ExecutionStarted", ID: 1,
		ExecutionStarted: &states.StartedDetails{Input: text, InputDetails: details, RoleArn: rt.config.RoleArn}}
	var ops []journal.Op
	for _, part := range []struct {
		key   string
		value any
	}{
		{journal.ExecutionKey(record.ID), record},
		{journal.SequenceKey(record.ID), journal.Sequence{Last: 1, Time: record.Start}},
		{journal.HistoryKey(record.ID, 1), event},
	} {
		op, err := journal.Put(part.key, part.value)
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	return append(ops, journal.Op{Key: journal.OpenKey(record.ID), Value: []byte{}}), nil
}
