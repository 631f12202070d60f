package interpreter

import (
	"context"
	"encoding/json"
	"fmt"

	"reprise/pkg/asl"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// distributedConcurrency is the service's maximum, and default, for
// MaxConcurrency of a distributed Map.
const distributedConcurrency = 10_000

// maxInputsBytes limits the inputs of all child executions of one map run, which
// are held in memory. The service has no such limit.
const maxInputsBytes = 256 << 20

// childInput is the input of a child execution and its number of items.
type childInput struct {
	raw   json.RawMessage
	items int
}

// distributed makes one attempt of a distributed Map. As in the service, a
// retry is a new map run over all items.
func (f *frame) distributed(ctx context.Context, s *asl.State) (outcome, error) {
	items, failure := f.items(s)
	if failure != nil {
		return outcome{failure: failure}, nil
	}
	inputs, failure := f.childInputs(s, items)
	if failure != nil {
		return outcome{failure: failure}, nil
	}
	run, failure, err := f.openRun(s, inputs, len(items))
	if err != nil || failure != nil {
		return outcome{failure: failure}, err
	}
	defer f.closeRun(run)
	if err := run.drive(ctx); err != nil {
		return outcome{}, err
	}
	return f.endRun(s, run)
}

// childInputs makes the inputs of all child executions: the selected items, in
// batches if there is an ItemBatcher.
func (f *frame) childInputs(s *asl.State, items []any) ([]childInput, *states.Failure) {
	selected := make([]json.RawMessage, len(items))
	total := 0
	for i, item := range items {
		var failure *states.Failure
		if selected[i], failure = f.selected(s, &iteration{name: s.Name, index: i, item: item}); failure != nil {
			return nil, failure
		}
		if total += len(selected[i]); total > maxInputsBytes {
			return nil, &states.Failure{Error: states.ErrorDataLimit, Cause: fmt.Sprintf(
				"The inputs of the child executions of Map %q have more than %d bytes.", s.Name, maxInputsBytes)}
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

func (f *frame) batches(s *asl.State, items []json.RawMessage) ([]childInput, *states.Failure) {
	b, lookup := s.Map.Batcher, f.lookup(scope{})
	maxItems, err := b.MaxItems.Eval(lookup, float64(len(items)))
	if err != nil {
		return nil, f.evaluationFailed(s, err)
	}
	maxBytes, err := b.MaxBytes.Eval(lookup, states.MaxPayloadBytes)
	if err != nil {
		return nil, f.evaluationFailed(s, err)
	}
	var common json.RawMessage
	if b.BatchInput != nil {
		if common, err = b.BatchInput.EvalJSON(lookup); err != nil {
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
			return nil, &states.Failure{Error: states.ErrorDataLimit, Cause: fmt.Sprintf(
				"Item %d of Map %q has %d bytes, which do not fit a batch of %v.", from, s.Name, len(items[from]), maxBytes)}
		}
		raw := batch(items[from:to], common)
		if failure := checkData(s, "input of a child execution", raw); failure != nil {
			return nil, failure
		}
		inputs = append(inputs, childInput{raw: raw, items: to - from})
		from = to
	}
	return inputs, nil
}

// batchBytes is the size of a batch without items.
func batchBytes(common json.RawMessage) int { return len(batch(nil, common)) }

func batch(items []json.RawMessage, common json.RawMessage) json.RawMessage {
	raw := append([]byte(`{"Items":`), joinList(items)...)
	if common != nil {
		raw = append(append(raw, `,"BatchInput":`...), common...)
	}
	return append(raw, '}')
}

// openRun starts the map run, or resumes the journalled one.
func (f *frame) openRun(s *asl.State, inputs []childInput, items int) (*MapRun, *states.Failure, error) {
	run := &MapRun{
		frame:   f,
		state:   s,
		inputs:  inputs,
		changed: make(chan struct{}, 1),
		live:    map[int]*Execution{},
	}
	if f.rec.Phase == journal.PhaseInside {
		return run, nil, f.resumeRun(run)
	}
	limits, err := f.runLimits(s)
	if err != nil {
		return nil, f.evaluationFailed(s, err), nil
	}
	rt := f.x.runtime
	id := f.x.record.Machine + "/" + s.Map.Label + ":" + rt.UUID()
	run.record = journal.Run{
		ID:         id,
		Execution:  f.x.record.ID,
		Machine:    f.x.record.Machine,
		Status:     states.StatusRunning,
		Start:      rt.clock.Now(),
		Limits:     limits,
		Items:      items,
		Executions: len(inputs),
	}
	run.counts.Total, run.items.Total = len(inputs), items
	f.rec.Run, f.rec.Phase = id, journal.PhaseInside
	f.event(states.Event{Type: "MapStateStarted", MapStateStarted: &states.LengthDetails{Length: items}})
	f.event(states.Event{Type: "MapRunStarted", MapRunStarted: &states.MapRunDetails{MapRunArn: rt.arns.MapRun(id)}})
	record, err := journal.Put(journal.RunKey(id), run.record)
	if err != nil {
		return nil, nil, err
	}
	f.register(run)
	listed := journal.Op{Key: journal.RunListKey(f.x.record.ID, run.record.Start, id), Value: []byte(id)}
	return run, nil, f.commit(record, listed)
}

func (f *frame) resumeRun(run *MapRun) error {
	record, found, err := journal.Load[journal.Run](f.x.runtime.journal, journal.RunKey(f.rec.Run))
	if err == nil && !found {
		err = fmt.Errorf("map run %s has no record", f.rec.Run)
	}
	if err != nil {
		return err
	}
	run.record = record
	if err := run.resume(); err != nil {
		return err
	}
	f.register(run)
	return nil
}

func (f *frame) register(run *MapRun) {
	rt := f.x.runtime
	f.x.mu.Lock()
	f.run = run
	f.x.mu.Unlock()
	rt.mu.Lock()
	rt.runs[run.record.ID] = run
	rt.mu.Unlock()
}

func (f *frame) closeRun(run *MapRun) {
	rt := f.x.runtime
	f.x.mu.Lock()
	f.run = nil
	f.x.mu.Unlock()
	rt.mu.Lock()
	delete(rt.runs, run.record.ID)
	rt.mu.Unlock()
}

func (f *frame) runLimits(s *asl.State) (journal.Limits, error) {
	lookup := f.lookup(scope{})
	concurrency, err := s.Map.MaxConcurrency.Eval(lookup, 0)
	if err != nil {
		return journal.Limits{}, err
	}
	percentage, err := s.Map.ToleratedFailurePercentage.Eval(lookup, 0)
	if err != nil {
		return journal.Limits{}, err
	}
	count, err := s.Map.ToleratedFailureCount.Eval(lookup, 0)
	return journal.Limits{
		Concurrency:   int(concurrency),
		Percentage:    percentage,
		Count:         int64(count),
		HasPercentage: s.Map.ToleratedFailurePercentage != nil,
		HasCount:      s.Map.ToleratedFailureCount != nil,
	}, err
}

// endRun makes the map run's outcome the attempt's result. The list of results
// omits tolerated failures.
func (f *frame) endRun(s *asl.State, run *MapRun) (outcome, error) {
	status := states.StatusSucceeded
	if run.overThreshold() {
		status = states.StatusFailed
	}
	record, err := run.end(status, f.x.runtime.clock.Now())
	if err != nil {
		return outcome{}, err
	}
	f.ops = append(f.ops, record)
	if status == states.StatusFailed {
		const cause = "The specified tolerated failure threshold was exceeded."
		failure := &states.Failure{Error: states.ErrorThreshold, Cause: cause}
		f.event(states.Event{Type: "MapRunFailed", MapRunFailed: failure.Details()})
		f.event(states.Event{Type: "MapStateFailed"})
		return outcome{failure: failure}, nil
	}
	f.event(states.Event{Type: "MapRunSucceeded"})
	raw, failure, err := run.outputs()
	if err != nil {
		return outcome{}, err
	}
	if failure != nil {
		f.event(states.Event{Type: "MapStateFailed"})
		return outcome{failure: failure}, nil
	}
	f.event(states.Event{Type: "MapStateSucceeded"})
	return outcome{output: raw}, nil
}

// outputs is the list of the child executions' outputs, in the order of the
// items.
func (r *MapRun) outputs() (json.RawMessage, *states.Failure, error) {
	list, over := []byte{'['}, false
	err := journal.EachChild(r.frame.x.runtime.journal, r.record.ID, func(child journal.Execution) bool {
		if child.Status == states.StatusSucceeded {
			if len(list) > 1 {
				list = append(list, ',')
			}
			list = append(list, child.Output...)
		}
		over = len(list)+1 > states.MaxPayloadBytes
		return !over
	})
	if over {
		return nil, tooLarge(r.state, "list of child outputs", len(list)), err
	}
	return append(list, ']'), nil, err
}
