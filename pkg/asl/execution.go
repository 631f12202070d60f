package asl

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"reprise/pkg/asl/jsonata"
)

// errClosed ends the goroutines of an execution, or of a part of one, that is
// over: nothing that they still find out is journalled.
var errClosed = errors.New("the execution or this part of it is over")

// execution is an execution in memory while it is driven.
type execution struct {
	engine  *Engine
	machine *Machine
	flow    *Flow // the machine's own or, of a child, an item processor
	ctx     context.Context
	cancel  context.CancelFunc

	// mu orders everything that is written for the execution, so that event
	// ids are free of gaps. It is held while writing but not while syncing,
	// so that branches share syncs; the end alone syncs under it, so that
	// nobody sees an end that a crash could take back.
	mu       sync.Mutex
	record   executionRecord
	sequence sequenceRecord
	root     *frame
	ended    bool
	// found are the frames that the journal held when the execution was taken
	// up, by path, until somebody takes them.
	found map[string]frameRecord

	inputOnce sync.Once
	input     any
}

// decodedInput is the execution's input, decoded once.
func (x *execution) decodedInput() any {
	x.inputOnce.Do(func() {
		if v, err := jsonata.Decode(x.record.Input); err == nil {
			x.input = v
		}
	})
	return x.input
}

// open takes an execution up from the journal.
func (e *Engine) open(record executionRecord) (*execution, error) {
	m, err := e.machine(record.Machine, record.Definition)
	if err != nil {
		return nil, err
	}
	x := &execution{engine: e, machine: m, flow: m.flow, record: record, found: map[string]frameRecord{}}
	if record.Run != "" {
		x.flow = m.processor(record.State)
	}
	if x.sequence, _, err = load[sequenceRecord](e.journal, spaceSequence+record.ID); err != nil {
		return nil, err
	}
	prefix := spaceFrame + record.ID + "\x00"
	err = e.journal.Scan(prefix, after(prefix), func(key string, value []byte) (bool, error) {
		var f frameRecord
		if err := json.Unmarshal(value, &f); err != nil {
			return false, err
		}
		x.found[strings.TrimPrefix(key, prefix)] = f
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	x.ctx, x.cancel = context.WithCancel(e.ctx)
	x.root = newFrame(x, nil, "", x.flow)
	if !x.root.resume() {
		x.root.rec = frameRecord{State: x.flow.StartAt, Input: record.Input, Event: 1}
		x.root.at = place{event: 1}
	}
	return x, nil
}

// processor finds the item processor of a Map, wherever it lies.
func (m *Machine) processor(state string) *Flow {
	for _, s := range m.States() {
		if s.Name == state && s.Map != nil {
			return s.Map.Processor
		}
	}
	return m.flow
}

// run drives the execution until it ends or the engine does. Its error is the
// journal's.
func (x *execution) run() error {
	defer x.cancel()
	if seconds := x.machine.TimeoutSeconds; seconds > 0 && x.record.Run == "" {
		deadline := x.record.Start.Add(time.Duration(seconds) * time.Second)
		x.engine.group.Go(func() error { return x.watch(deadline) })
	}
	out, err := x.root.drive(x.ctx)
	if err == nil {
		return x.finish(out)
	}
	if !over(err) {
		return err
	}
	if x.root.isClosed() && x.engine.ctx.Err() == nil {
		return x.engine.abandonRuns(x.record.ID)
	}
	return nil
}

// watch ends the execution at the deadline of the machine's TimeoutSeconds.
func (x *execution) watch(deadline time.Time) error {
	fired, release := x.engine.clock.At(deadline)
	defer release()
	select {
	case <-x.ctx.Done():
		return nil
	case <-fired:
	}
	_, err := x.end(StatusTimedOut, &Failure{Error: ErrorTimeout, Cause: "The execution passed TimeoutSeconds of the state machine."})
	if errors.Is(err, errClosed) {
		return nil
	}
	return err
}

// append gives an event its id and puts it behind previous. x.mu is held.
func (x *execution) append(ops []Op, event Event, previous int64) ([]Op, int64, error) {
	x.sequence.Last++
	if event.Timestamp.Before(x.sequence.Time) {
		event.Timestamp = x.sequence.Time
	}
	x.sequence.Time = event.Timestamp
	event.ID, event.PreviousEventID = x.sequence.Last, previous
	op, err := put(historyKey(x.record.ID, event.ID), event)
	return append(ops, op), event.ID, err
}

// commit writes a frame's pending events and operations and its record, all or
// none, lazily. It fails with errClosed where the frame is over, and ends the
// execution where its history is full.
func (x *execution) commit(f *frame, extra ...Op) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended || f.isClosed() {
		return errClosed
	}
	ops, err := x.flush(append(f.ops, extra...), f)
	if err != nil {
		return err
	}
	record, err := put(frameKey(x.record.ID, f.path), f.rec)
	if err != nil {
		return err
	}
	f.ops, f.at = nil, f.place()
	return x.write(append(ops, record))
}

// write writes operations together with the last event's id. x.mu is held.
func (x *execution) write(ops []Op) error {
	sequence, err := put(spaceSequence+x.record.ID, x.sequence)
	if err != nil {
		return err
	}
	return x.engine.journal.Write(append(ops, sequence))
}

// flush numbers a frame's pending events. Where they would fill the history,
// the execution ends instead with its last event. x.mu is held.
func (x *execution) flush(ops []Op, f *frame) ([]Op, error) {
	pending := f.pending
	f.pending = nil
	for _, event := range pending {
		if x.sequence.Last >= MaxEvents-1 {
			return nil, x.overflow(ops)
		}
		var err error
		if ops, f.rec.Event, err = x.append(ops, event, f.rec.Event); err != nil {
			return nil, err
		}
	}
	return ops, nil
}

// overflow ends the execution at its event limit. x.mu is held.
func (x *execution) overflow(ops []Op) error {
	failure := &Failure{Error: ErrorRuntime, Cause: "The execution reached the maximum number of history events (25000)."}
	if err := x.endLocked(ops, StatusFailed, nil, failure); err != nil {
		return err
	}
	return errClosed
}

// finish ends the execution with the outcome of its own thread.
func (x *execution) finish(out outcome) error {
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
		return x.endLocked(ops, StatusFailed, nil, out.failure)
	}
	return x.endLocked(ops, StatusSucceeded, out.output, nil)
}

// end ends the execution from outside and returns when it ended. Only the
// first end counts; a later one returns errClosed.
func (x *execution) end(status Status, failure *Failure) (time.Time, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return x.record.Stop, errClosed
	}
	err := x.endLocked(nil, status, nil, failure)
	return x.record.Stop, err
}

// endLocked closes what is open, writes the last event and the record, and
// syncs. x.mu is held.
func (x *execution) endLocked(ops []Op, status Status, output json.RawMessage, failure *Failure) error {
	events, more := x.closing(x.root, true)
	ops = append(ops, more...)
	previous := x.root.at.event
	var err error
	for _, event := range events {
		if x.sequence.Last >= MaxEvents-1 {
			break
		}
		if ops, previous, err = x.append(ops, event, previous); err != nil {
			return err
		}
	}
	x.record.Status, x.record.Output, x.record.Failure = status, output, failure
	x.record.Stop = x.engine.clock.Now()
	if ops, _, err = x.append(ops, x.lastEvent(), previous); err != nil {
		return err
	}
	if ops, err = x.endRecords(ops); err != nil {
		return err
	}
	if err := x.write(ops); err != nil {
		return err
	}
	if err := x.engine.journal.Sync(); err != nil {
		return err
	}
	x.ended = true
	x.cancel()
	x.engine.afterEnd(x.record)
	return nil
}

// endRecords replaces what an execution needs while it runs with what is kept
// of it.
func (x *execution) endRecords(ops []Op) ([]Op, error) {
	id := x.record.ID
	frames := spaceFrame + id + "\x00"
	record, err := put(spaceExecution+id, x.record)
	answers := spaceAnswer + id + "\x00"
	ops = append(ops, record, Op{Key: spaceOpen + id}, Op{Key: frames, Until: after(frames)}, Op{Key: answers, Until: after(answers)})
	if x.record.Run == "" {
		ops = append(ops, Op{Key: endedKey(x.record.Stop, id), Value: []byte{}})
		if x.engine.config.OnEnd != nil {
			ops = append(ops, Op{Key: spaceNotice + id, Value: []byte{}})
		}
	}
	return ops, err
}

func (x *execution) lastEvent() Event {
	event := Event{Timestamp: x.record.Stop, Type: "ExecutionSucceeded"}
	details := &ErrorDetails{}
	if x.record.Failure != nil {
		details = errorDetails(x.record.Failure)
	}
	switch x.record.Status {
	case StatusSucceeded:
		text, cutOff := data(x.record.Output)
		event.ExecutionSucceeded = &OutputDetails{Output: text, OutputDetails: cutOff}
	case StatusFailed:
		event.Type, event.ExecutionFailed = "ExecutionFailed", details
	case StatusAborted:
		event.Type, event.ExecutionAborted = "ExecutionAborted", details
	case StatusTimedOut:
		event.Type, event.ExecutionTimedOut = "ExecutionTimedOut", details
	}
	return event
}
