package interpreter

import (
	"context"
	"encoding/json"
	"sync/atomic"

	"reprise/pkg/asl"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// frame is one thread of an execution: its own, a branch of a Parallel or an
// iteration of an inline Map. Only its goroutine uses it, unless a field says
// otherwise.
type frame struct {
	x      *Execution
	parent *frame
	path   string // "" or the parent's, a dot and the index
	flow   *asl.Flow
	rec    journal.Frame
	// pending are events without an id yet, and ops are operations to write
	// with them. They are committed when the thread begins to wait, so that a
	// run of states that only compute costs one write.
	pending   []states.Event
	ops       []journal.Op
	iteration *iteration // nil unless the frame is an inline iteration
	// answered and beat wake a task that waits for its token.
	answered chan struct{}
	beat     chan struct{}
	input    decoded // of the state

	closed atomic.Bool
	// x.mu guards the rest: the journalled place, the frames inside, the task
	// token that may be answered with its answer, and the running map run.
	at       place
	children map[int]*frame
	token    string
	answer   *journal.Answer
	// due is the token of a journalled task that the frame has not come to again after a
	// restart, when it becomes valid.
	due string
	run *MapRun
}

// place is what closing needs to know about a frame.
type place struct {
	state string // "" if no state is open
	event int64  // 0 if nothing is journalled yet
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

// outcome is the result of a thread or of one attempt of a Task, Map or
// Parallel.
type outcome struct {
	output  json.RawMessage
	failure *states.Failure
}

func newFrame(x *Execution, parent *frame, path string, flow *asl.Flow) *frame {
	return &frame{
		x:        x,
		parent:   parent,
		path:     path,
		flow:     flow,
		children: map[int]*frame{},
		answered: make(chan struct{}, 1),
		beat:     make(chan struct{}, 1),
	}
}

// resume restores the frame from its journalled record, or returns false if
// there is none.
func (f *frame) resume() bool {
	f.x.mu.Lock()
	defer f.x.mu.Unlock()
	rec, found := f.x.unresumed[f.path]
	if found {
		f.rec = rec
		f.at = f.place()
		f.due = dueToken(rec)
		delete(f.x.unresumed, f.path)
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

// commit writes the frame without a sync. After a crash that loses it, the
// engine reaches the same point again without effects outside.
func (f *frame) commit(extra ...journal.Op) error { return f.x.commit(f, extra...) }

// commitDurably writes the frame and returns once a crash cannot lose it.
func (f *frame) commitDurably(extra ...journal.Op) error {
	if err := f.x.commit(f, extra...); err != nil {
		return err
	}
	return f.x.runtime.journal.Sync()
}

// flushAt limits the pending events of a thread whose states never wait.
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

// enter records the entry of a state, unless it is journalled already.
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

// transition is the result of a state and the state that follows.
type transition struct {
	next    string
	ends    bool
	output  json.RawMessage
	failure *states.Failure
}

// step runs one state, including its Retry and Catch.
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
