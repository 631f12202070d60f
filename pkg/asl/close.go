package asl

import (
	"maps"
	"slices"
)

// abortable are the kinds of state for which history tells that they were
// aborted.
var abortable = []string{TypeTask, TypeWait, TypeMap, TypeParallel}

// closing marks frames inside f, and f itself where self is set, as over, and
// gives the events and operations that say so: innermost first, map runs
// before their Map. x.mu is held.
func (x *execution) closing(f *frame, self bool) ([]Event, []Op) {
	var events []Event
	var ops []Op
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
	now := x.engine.clock.Now()
	if f.run != nil {
		if op, ended := f.run.abort(now); ended {
			events = append(events, Event{Timestamp: now, Type: "MapRunAborted"})
			ops = append(ops, op)
		}
	}
	if f.at.state != "" {
		if s := f.flow.State(f.at.state); slices.Contains(abortable, s.Type) {
			events = append(events, Event{Timestamp: now, Type: s.Type + "StateAborted"})
		}
	}
	if it := f.iteration; it != nil && f.at.event != 0 && !f.at.done {
		events = append(events, Event{Timestamp: now, Type: "MapIterationAborted",
			IterationAborted: &IterationDetails{Name: it.name, Index: it.index}})
	}
	return events, ops
}

// closeInside ends everything inside a frame. What history tells of it is
// committed together with what the frame makes of it.
func (f *frame) closeInside() {
	f.x.mu.Lock()
	events, ops := f.x.closing(f, false)
	f.x.mu.Unlock()
	f.pending = append(f.pending, events...)
	f.ops = append(f.ops, ops...)
}
