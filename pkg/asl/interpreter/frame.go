package interpreter

import (
	"context"
	"encoding/json"
	"sync/atomic"

	"reprise/pkg/asl"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// frame is one thread of an execution: the execution's own, a branch of a
// Parallel or an iteration of an inline Map. Its goroutine alone touches it,
// except where a field says otherwise.
type frame struct {
	x      *Execution
	parent *frame
	path   string // "" or the parent's, a dot and the index
	flow   *asl.Flow
	rec    journal.Frame
	// pending are events not yet numbered, and ops what is to be written with
	// them. They are committed where the thread begins to wait for something,
	// so that a run of states which only compute costs one write.
	pending []states.Event
	ops     []journal.Op
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
	answer   *journal.Answer
	run      *MapRun
}

// place is what closing a frame needs to know of it.
type place struct {
	state string // "" where no state is open
	event int64  // 0 where nothing is journalled yet
	done  bool
}

func (f *frame) place() place {
	if f.rec.Phase == journal.PhaseNext || f.rec.Phase == journal.PhaseDone {
		return place{event: f.rec.Event, done: f.rec.Phase == journal.PhaseDone}
	}
	return place{state: f.rec.State, event: f.rec.Event}
}

type iteration struct {
	name  string // of the Map
	index int
	item  any
}

// outcome is what a thread, or one attempt of a Task, Map or Parallel, gave.
type outcome struct {
	output  json.RawMessage
	failure *states.Failure
}

func newFrame(x *Execution, parent *frame, path string, flow *asl.Flow) *frame {
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
func (f *frame) event(e states.Event) {
	e.Timestamp = f.x.runtime.clock.Now()
	f.pending = append(f.pending, e)
}

// commit writes the frame without a sync: where a crash loses it, the engine
// comes to the same point again by itself, with no effect outside in between.
func (f *frame) commit(extra ...journal.Op) error { return f.x.commit(f, extra...) }

// commitDurably writes the frame and returns once a crash cannot lose it.
func (f *frame) commitDurably(extra ...journal.Op) error {
	if err := f.x.commit(f, extra...); err != nil {
		return err
	}
	return f.x.runtime.journal.Sync()
}

// flushAt bounds the events that a thread of states which never wait gathers.
const flushAt = 64

// drive goes from state to state until the thread ends.
func (f *frame) drive(ctx context.Context) (outcome, error) {
	if f.rec.Phase == journal.PhaseDone {
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
		f.rec = journal.Frame{State: t.next, Input: t.output, Vars: f.rec.Vars, Event: f.rec.Event}
	}
}

// enter enters a state that is not entered yet.
func (f *frame) enter(s *asl.State) {
	f.input = decoded{}
	if f.rec.Phase != journal.PhaseNext {
		return
	}
	f.rec.Entered = f.x.runtime.clock.Now()
	f.rec.Phase = journal.PhaseEntered
	f.rec.Retries = make([]int, len(s.Retry))
	text, details := states.Data(f.rec.Input)
	f.event(states.Event{Type: s.Type + "StateEntered",
		StateEntered: &states.EnteredDetails{Name: s.Name, Input: text, InputDetails: details}})
}

// transition is where a state leads.
type transition struct {
	next    string
	ends    bool
	output  json.RawMessage
	failure *states.Failure
}

// step runs one state, retries and catches included.
func (f *frame) step(ctx context.Context, s *asl.State) (transition, error) {
	switch s.Type {
	case asl.TypeTask, asl.TypeMap, asl.TypeParallel:
		return f.attempts(ctx, s)
	case asl.TypeWait:
		return f.wait(ctx, s)
	case asl.TypeChoice:
		return f.choose(s)
	case asl.TypeFail:
		return f.fail(s)
	}
	return f.leave(s, exit{output: s.Output, assign: s.Assign, next: s.Next, def: f.rec.Input})
}
