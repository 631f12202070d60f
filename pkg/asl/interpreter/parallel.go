package interpreter

import (
	"context"
	"encoding/json"
	"fmt"

	"reprise/pkg/asl"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/jsonata"
	"reprise/pkg/asl/states"
)

// inlineConcurrency is the service's maximum, and default, for MaxConcurrency
// of an inline Map.
const inlineConcurrency = 40

// parallel makes one attempt of a Parallel.
func (f *frame) parallel(ctx context.Context, s *asl.State) (outcome, error) {
	input := f.rec.Input
	if s.Arguments != nil {
		var err error
		if input, err = s.Arguments.EvalJSON(f.lookup(scope{})); err != nil {
			return outcome{failure: f.evaluationFailed(s, err)}, nil
		}
		if len(input) > states.MaxPayloadBytes {
			return outcome{failure: tooLarge(s, "arguments", len(input))}, nil
		}
	}
	if f.rec.Phase == journal.PhaseEntered {
		f.event(states.Event{Type: "ParallelStateStarted"})
		f.rec.Phase = journal.PhaseInside
		if err := f.commit(); err != nil {
			return outcome{}, err
		}
	}
	j := fanOut{frame: f, size: len(s.Branches), limit: len(s.Branches), begun: f.rec.Event}
	j.begin = func(i int) (*frame, *states.Failure) {
		child := newFrame(f.x, f, fmt.Sprintf("%s.%d", f.path, i), s.Branches[i])
		if !child.resume() {
			child.rec = journal.Frame{State: child.flow.StartAt, Input: input, Event: j.begun}
		}
		return child, nil
	}
	return j.run(ctx, s)
}

// inlineMap makes one attempt of an inline Map.
func (f *frame) inlineMap(ctx context.Context, s *asl.State) (outcome, error) {
	items, failure := f.items(s)
	if failure != nil {
		return outcome{failure: failure}, nil
	}
	limit, err := s.Map.MaxConcurrency.Eval(f.lookup(scope{}), 0)
	if err != nil {
		return outcome{failure: f.evaluationFailed(s, err)}, nil
	}
	if limit == 0 || limit > inlineConcurrency {
		limit = inlineConcurrency
	}
	if f.rec.Phase == journal.PhaseEntered {
		f.event(states.Event{Type: "MapStateStarted", MapStateStarted: &states.LengthDetails{Length: len(items)}})
		f.rec.Phase = journal.PhaseInside
		if err := f.commit(); err != nil {
			return outcome{}, err
		}
	}
	j := fanOut{frame: f, size: len(items), limit: int(limit), begun: f.rec.Event}
	j.begin = func(i int) (*frame, *states.Failure) { return f.iterate(s, i, items[i], j.begun) }
	return j.run(ctx, s)
}

func (f *frame) iterate(s *asl.State, i int, item any, begun int64) (*frame, *states.Failure) {
	child := newFrame(f.x, f, fmt.Sprintf("%s.%d", f.path, i), s.Map.Processor)
	child.iteration = &iteration{name: s.Name, index: i, item: item}
	if child.resume() {
		return child, nil
	}
	input, failure := f.selected(s, child.iteration)
	if failure != nil {
		return nil, failure
	}
	child.rec = journal.Frame{State: child.flow.StartAt, Input: input, Event: begun}
	child.event(states.Event{Type: "MapIterationStarted",
		IterationStarted: &states.IterationDetails{Name: s.Name, Index: i}})
	return child, nil
}

// items evaluates Items.
func (f *frame) items(s *asl.State) ([]any, *states.Failure) {
	v, err := s.Map.Items.Eval(f.lookup(scope{}))
	if err != nil {
		return nil, f.evaluationFailed(s, err)
	}
	items, ok := v.([]any)
	if !ok {
		return nil, f.evaluationFailed(s, s.Map.Items.Refuse("the value is not a list: write [ … ] round the expression"))
	}
	return items, nil
}

// selected is the input of an iteration: the item, or the result of
// ItemSelector.
func (f *frame) selected(s *asl.State, it *iteration) (json.RawMessage, *states.Failure) {
	raw := json.RawMessage(nil)
	if s.Map.ItemSelector == nil {
		raw = jsonata.Encode(it.item)
	} else {
		var err error
		if raw, err = s.Map.ItemSelector.EvalJSON(f.lookup(scope{item: it})); err != nil {
			return nil, f.evaluationFailed(s, err)
		}
	}
	if len(raw) > states.MaxPayloadBytes {
		return nil, tooLarge(s, "input of an iteration", len(raw))
	}
	return raw, nil
}
