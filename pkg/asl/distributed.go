package asl

import (
	"context"
	"encoding/json"
	"fmt"
)

// distributedConcurrency is what the service runs at once of a distributed Map
// that names no limit.
const distributedConcurrency = 10_000

// childInput is the input of a child execution and how many items it holds.
type childInput struct {
	raw   json.RawMessage
	items int
}

// distributed makes one attempt of a distributed Map. As in the service, a
// retry is a new map run of all items.
func (f *frame) distributed(ctx context.Context, s *State) (result, error) {
	items, failure := f.items(s)
	if failure != nil {
		return result{failure: failure}, nil
	}
	inputs, failure := f.childInputs(s, items)
	if failure != nil {
		return result{failure: failure}, nil
	}
	run, failure, err := f.openRun(s, inputs, len(items))
	if err != nil || failure != nil {
		return result{failure: failure}, err
	}
	defer f.closeRun(run)
	if err := run.drive(ctx); err != nil {
		return result{}, err
	}
	return f.endRun(s, run)
}

// childInputs makes the inputs of all children: the selected items, in batches
// where there is an ItemBatcher.
func (f *frame) childInputs(s *State, items []any) ([]childInput, *Failure) {
	selected := make([]json.RawMessage, len(items))
	for i, item := range items {
		var failure *Failure
		if selected[i], failure = f.selected(s, &iteration{name: s.Name, index: i, item: item}); failure != nil {
			return nil, failure
		}
	}
	if s.Map.Batcher == nil {
		inputs := make([]childInput, len(items))
		for i, raw := range selected {
			inputs[i] = childInput{raw: raw, items: 1}
		}
		return inputs, nil
	}
	return f.batches(s, selected)
}

func (f *frame) batches(s *State, items []json.RawMessage) ([]childInput, *Failure) {
	b, lookup := s.Map.Batcher, f.lookup(scope{})
	maxItems, err := b.MaxItems.eval(lookup, float64(len(items)))
	if err != nil {
		return nil, f.evaluationFailed(s, err)
	}
	maxBytes, err := b.MaxBytes.eval(lookup, MaxPayloadBytes)
	if err != nil {
		return nil, f.evaluationFailed(s, err)
	}
	var common json.RawMessage
	if b.BatchInput != nil {
		if common, err = b.BatchInput.raw(lookup); err != nil {
			return nil, f.evaluationFailed(s, err)
		}
	}
	var inputs []childInput
	for from := 0; from < len(items); {
		to, size := from, batchBytes(common)
		for to < len(items) && to-from < int(maxItems) && float64(size+len(items[to])+1) <= maxBytes {
			size += len(items[to]) + 1
			to++
		}
		if to == from {
			return nil, &Failure{Error: ErrorDataLimit, Cause: fmt.Sprintf(
				"Item %d of Map %q has %d bytes, which do not fit a batch of %v.", from, s.Name, len(items[from]), maxBytes)}
		}
		inputs = append(inputs, childInput{raw: batch(items[from:to], common), items: to - from})
		from = to
	}
	return inputs, nil
}

// batchBytes is what a batch has beyond its items.
func batchBytes(common json.RawMessage) int { return len(batch(nil, common)) }

func batch(items []json.RawMessage, common json.RawMessage) json.RawMessage {
	raw := append([]byte(`{"Items":`), joinList(items)...)
	if common != nil {
		raw = append(append(raw, `,"BatchInput":`...), common...)
	}
	return append(raw, '}')
}

// openRun begins the map run, or takes up the one that the journal holds.
func (f *frame) openRun(s *State, inputs []childInput, items int) (*mapRun, *Failure, error) {
	e := f.x.engine
	run := &mapRun{frame: f, state: s, inputs: inputs, changed: make(chan struct{}, 1), live: map[int]*execution{}}
	if f.rec.Phase == phaseInside {
		record, found, err := load[runRecord](e.journal, spaceRun+f.rec.Run)
		if err == nil && !found {
			err = fmt.Errorf("map run %s has no record", f.rec.Run)
		}
		if err != nil {
			return nil, nil, err
		}
		run.record = record
		if err := run.takeUp(); err != nil {
			return nil, nil, err
		}
		f.register(run)
		return run, nil, nil
	}
	limits, err := f.runLimits(s)
	if err != nil {
		return nil, f.evaluationFailed(s, err), nil
	}
	id := f.x.record.Machine + "/" + s.Map.Label + ":" + e.uuid()
	run.record = runRecord{ID: id, Execution: f.x.record.ID, Machine: f.x.record.Machine, Status: StatusRunning,
		Start: e.clock.Now(), Limits: limits, Items: items, Executions: len(inputs)}
	run.counts.Total, run.items.Total = len(inputs), items
	f.rec.Run, f.rec.Phase = id, phaseInside
	f.event(Event{Type: "MapStateStarted", MapStateStarted: &LengthDetails{Length: items}})
	f.event(Event{Type: "MapRunStarted", MapRunStarted: &MapRunDetails{MapRunArn: e.arns.mapRun(id)}})
	record, err := put(spaceRun+id, run.record)
	if err != nil {
		return nil, nil, err
	}
	f.register(run)
	return run, nil, f.commit(record, Op{Key: runListKey(f.x.record.ID, run.record.Start, id), Value: []byte(id)})
}

func (f *frame) register(run *mapRun) {
	e := f.x.engine
	f.x.mu.Lock()
	f.run = run
	f.x.mu.Unlock()
	e.mu.Lock()
	e.runs[run.record.ID] = run
	e.mu.Unlock()
}

func (f *frame) closeRun(run *mapRun) {
	e := f.x.engine
	f.x.mu.Lock()
	f.run = nil
	f.x.mu.Unlock()
	e.mu.Lock()
	delete(e.runs, run.record.ID)
	e.mu.Unlock()
}

func (f *frame) runLimits(s *State) (runLimits, error) {
	lookup := f.lookup(scope{})
	concurrency, err := s.Map.MaxConcurrency.eval(lookup, 0)
	if err != nil {
		return runLimits{}, err
	}
	percentage, err := s.Map.ToleratedFailurePercentage.eval(lookup, 0)
	if err != nil {
		return runLimits{}, err
	}
	count, err := s.Map.ToleratedFailureCount.eval(lookup, 0)
	return runLimits{Concurrency: int(concurrency), Percentage: percentage, Count: int64(count),
		HasPercentage: s.Map.ToleratedFailurePercentage != nil, HasCount: s.Map.ToleratedFailureCount != nil}, err
}

// endRun makes the map run's outcome the attempt's result. Children that
// failed and were tolerated leave nothing in the list.
func (f *frame) endRun(s *State, run *mapRun) (result, error) {
	status := StatusSucceeded
	if run.overThreshold() {
		status = StatusFailed
	}
	record, err := run.end(status, f.x.engine.clock.Now())
	if err != nil {
		return result{}, err
	}
	f.ops = append(f.ops, record)
	if status == StatusFailed {
		failure := &Failure{Error: ErrorThreshold, Cause: "The specified tolerated failure threshold was exceeded."}
		f.event(Event{Type: "MapRunFailed", MapRunFailed: errorDetails(failure)})
		f.event(Event{Type: "MapStateFailed"})
		return result{failure: failure}, nil
	}
	f.event(Event{Type: "MapRunSucceeded"})
	raw, failure, err := run.outputs()
	if err != nil {
		return result{}, err
	}
	if failure != nil {
		f.event(Event{Type: "MapStateFailed"})
		return result{failure: failure}, nil
	}
	f.event(Event{Type: "MapStateSucceeded"})
	return result{raw: raw}, nil
}

// outputs is the list of what the children gave, in the order of the items.
func (r *mapRun) outputs() (json.RawMessage, *Failure, error) {
	list, over := []byte{'['}, false
	err := r.children(func(child executionRecord) bool {
		if child.Status == StatusSucceeded {
			if len(list) > 1 {
				list = append(list, ',')
			}
			list = append(list, child.Output...)
		}
		over = len(list)+1 > MaxPayloadBytes
		return !over
	})
	if over {
		return nil, tooLarge(r.state, "list of child outputs", len(list)), err
	}
	return append(list, ']'), nil, err
}

// startOps are what begins an execution: its record, its first event and the
// indexes.
func (e *Engine) startOps(record executionRecord) ([]Op, error) {
	text, details := data(record.Input)
	event := Event{Timestamp: record.Start, Type: "ExecutionStarted", ID: 1,
		ExecutionStarted: &StartedDetails{Input: text, InputDetails: details, RoleArn: e.config.RoleArn}}
	var ops []Op
	for _, part := range []struct {
		key   string
		value any
	}{
		{spaceExecution + record.ID, record},
		{spaceSequence + record.ID, sequenceRecord{Last: 1, Time: record.Start}},
		{historyKey(record.ID, 1), event},
	} {
		op, err := put(part.key, part.value)
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	return append(ops, Op{Key: spaceOpen + record.ID, Value: []byte{}}), nil
}
