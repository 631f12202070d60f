package asl

import (
	"context"
	"encoding/json"
	"sync/atomic"

	"reprise/pkg/asl/jsonata"
)

// frame is one thread of an execution: the execution's own, a branch of a
// Parallel or an iteration of an inline Map. Its goroutine alone touches it,
// except where a field says otherwise.
type frame struct {
	x      *execution
	parent *frame
	path   string // "" or the parent's, a dot and the index
	flow   *Flow
	rec    frameRecord
	// pending are events not yet numbered, and ops what is to be written with
	// them. They are committed where the thread begins to wait for something,
	// so that a run of states which only compute costs one write.
	pending []Event
	ops     []Op
	// iteration is set in an inline iteration.
	iteration *iteration
	// answered and beat wake a task that waits for its token.
	answered chan struct{}
	beat     chan struct{}
	// input caches the decoded input of the state.
	input decoded

	closed atomic.Bool
	// The rest is guarded by x.mu: where the frame is as far as the journal
	// knows, the frames inside, the token that it waits for with the answer,
	// and the map run at work.
	at       place
	children map[int]*frame
	token    string
	answer   *answer
	run      *mapRun
}

// place is what closing a frame needs to know of it.
type place struct {
	state string // "" where no state is open
	event int64  // 0 where nothing is journalled yet
	done  bool
}

func (f *frame) place() place {
	if f.rec.Phase == phaseNext || f.rec.Phase == phaseDone {
		return place{event: f.rec.Event, done: f.rec.Phase == phaseDone}
	}
	return place{state: f.rec.State, event: f.rec.Event}
}

type iteration struct {
	name  string // of the Map
	index int
	item  any
}

// outcome is how a thread ended.
type outcome struct {
	output  json.RawMessage
	failure *Failure
}

func newFrame(x *execution, parent *frame, path string, flow *Flow) *frame {
	return &frame{x: x, parent: parent, path: path, flow: flow, children: map[int]*frame{},
		answered: make(chan struct{}, 1), beat: make(chan struct{}, 1)}
}

// resume takes the frame's record from what the journal held, and reports
// false where it held none.
func (f *frame) resume() bool {
	f.x.mu.Lock()
	defer f.x.mu.Unlock()
	rec, found := f.x.found[f.path]
	if found {
		f.rec = rec
		f.at = f.place()
		delete(f.x.found, f.path)
	}
	return found
}

func (f *frame) isClosed() bool {
	for ; f != nil; f = f.parent {
		if f.closed.Load() {
			return true
		}
	}
	return false
}

// event adds a pending event.
func (f *frame) event(e Event) {
	e.Timestamp = f.x.engine.clock.Now()
	f.pending = append(f.pending, e)
}

// commit writes the frame lazily: where a crash loses it, the engine comes to
// the same point again by itself, with no effect outside in between.
func (f *frame) commit(extra ...Op) error { return f.x.commit(f, extra...) }

// commitDurably writes the frame and returns once a crash cannot lose it.
func (f *frame) commitDurably(extra ...Op) error {
	if err := f.x.commit(f, extra...); err != nil {
		return err
	}
	return f.x.engine.journal.Sync()
}

// flushAt bounds the events that a thread of states which never wait gathers.
const flushAt = 64

// drive goes from state to state until the thread ends.
func (f *frame) drive(ctx context.Context) (outcome, error) {
	if f.rec.Phase == phaseDone {
		return outcome{output: f.rec.Output, failure: f.rec.Failure}, nil
	}
	for {
		if err := ctx.Err(); err != nil {
			return outcome{}, err
		}
		if len(f.pending) >= flushAt {
			if err := f.commit(); err != nil {
				return outcome{}, err
			}
		}
		s := f.flow.State(f.rec.State)
		f.enter(s)
		t, err := f.step(ctx, s)
		if err != nil {
			return outcome{}, err
		}
		if t.ends {
			return outcome{output: t.output, failure: t.failure}, nil
		}
		f.rec = frameRecord{State: t.next, Input: t.output, Vars: f.rec.Vars, Event: f.rec.Event}
	}
}

// enter enters a state that is not entered yet.
func (f *frame) enter(s *State) {
	f.input = decoded{}
	if f.rec.Phase != phaseNext {
		return
	}
	f.rec.Entered = f.x.engine.clock.Now()
	f.rec.Phase = phaseEntered
	f.rec.Retries = make([]int, len(s.Retry))
	text, details := data(f.rec.Input)
	f.event(Event{Type: s.Type + "StateEntered", StateEntered: &EnteredDetails{Name: s.Name, Input: text, InputDetails: details}})
}

// transition is where a state leads.
type transition struct {
	next    string
	ends    bool
	output  json.RawMessage
	failure *Failure
}

func failed(name, cause string) transition {
	return transition{ends: true, failure: &Failure{Error: name, Cause: cause}}
}

// step runs one state, retries and catches included.
func (f *frame) step(ctx context.Context, s *State) (transition, error) {
	switch s.Type {
	case TypeTask, TypeMap, TypeParallel:
		return f.attempts(ctx, s)
	case TypeWait:
		return f.wait(ctx, s)
	case TypeChoice:
		return f.choose(s)
	case TypeFail:
		return f.fail(s)
	}
	return f.leave(s, exit{output: s.Output, assign: s.Assign, next: s.Next, def: f.rec.Input})
}

// scope is what expressions of a state can see beyond input and context.
type scope struct {
	result      any
	hasResult   bool
	errorOutput any
	hasError    bool
	token       string
	item        *iteration // in an ItemSelector
}

// decoded caches the decoded form of JSON.
type decoded struct {
	value any
	done  bool
}

// lookup gives expressions their variables. $states is put together when the
// first expression asks for it.
func (f *frame) lookup(sc scope) jsonata.Lookup {
	var states *jsonata.Object
	return func(name string) (any, bool) {
		if name == "states" {
			if states == nil {
				states = f.states(sc)
			}
			return states, true
		}
		for at := f; at != nil; at = at.parent {
			if raw, found := at.rec.Vars[name]; found {
				v, err := jsonata.Decode(raw)
				return v, err == nil
			}
		}
		return nil, false
	}
}

func (f *frame) states(sc scope) *jsonata.Object {
	states := &jsonata.Object{}
	if !f.input.done {
		v, err := jsonata.Decode(f.rec.Input)
		f.input = decoded{value: v, done: err == nil}
	}
	states.Set("input", f.input.value)
	if sc.hasResult {
		states.Set("result", sc.result)
	}
	if sc.hasError {
		states.Set("errorOutput", sc.errorOutput)
	}
	states.Set("context", f.context(sc))
	return states
}

// object makes an object of names and values in turn.
func object(members ...any) *jsonata.Object {
	o := &jsonata.Object{}
	for i := 0; i < len(members); i += 2 {
		o.Set(members[i].(string), members[i+1])
	}
	return o
}

func (f *frame) context(sc scope) *jsonata.Object {
	e, r := f.x.engine, &f.x.record // the fields read here never change
	input := f.x.decodedInput()
	c := object(
		"Execution", object("Id", e.arns.execution(r.ID), "Input", input, "Name", r.Name,
			"RoleArn", e.config.RoleArn, "StartTime", formatTime(r.Start), "RedriveCount", 0.0),
		"State", object("EnteredTime", formatTime(f.rec.Entered), "Name", f.rec.State, "RetryCount", float64(f.rec.RetryCount)),
		"StateMachine", object("Id", e.arns.machine(r.Machine), "Name", r.Machine),
	)
	if sc.token != "" {
		c.Set("Task", object("Token", sc.token))
	}
	it := sc.item
	for at := f; it == nil && at != nil; at = at.parent {
		it = at.iteration
	}
	if it != nil {
		item := object("Index", float64(it.index), "Value", it.item)
		if sc.item != nil {
			item.Set("Source", "STATE_DATA")
		}
		c.Set("Map", object("Item", item))
	}
	return c
}
