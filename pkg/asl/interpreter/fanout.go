package interpreter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"reprise/pkg/asl"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// fanOut runs the frames inside a Parallel or an inline Map.
type fanOut struct {
	frame       *frame
	size, limit int
	begun       int64 // the event before the first event of each frame
	begin       func(i int) (*frame, *states.Failure)
}

type childEnd struct {
	index int
	event int64
	out   outcome
	err   error
}

// run runs all frames, at most limit at once, and collects their outputs. The
// first failure ends the other frames.
func (j *fanOut) run(ctx context.Context, s *asl.State) (outcome, error) {
	f := j.frame
	inner := journal.FrameKey(f.x.record.ID, f.path) + "."
	failure, err := j.failedBefore()
	if err != nil {
		return outcome{}, err
	}
	var outputs []json.RawMessage
	if failure == nil {
		outputs, failure, err = j.all(ctx, s)
	}
	if err != nil {
		return outcome{}, err
	}
	f.ops = append(f.ops, journal.Op{Key: inner, Until: inner + "\xff"})
	if failure != nil {
		if err := f.x.stopRunsInside(f); err != nil {
			return outcome{}, err
		}
	}
	if failure != nil {
		f.event(states.Event{Type: s.Type + "StateFailed"})
		return outcome{failure: failure}, nil
	}
	f.event(states.Event{Type: s.Type + "StateSucceeded"})
	return outcome{output: joinList(outputs)}, nil
}

func joinList(items []json.RawMessage) json.RawMessage {
	list := []byte{'['}
	for i, item := range items {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, item...)
	}
	return append(list, ']')
}

// all starts the frames and collects their outputs. It returns when all their
// goroutines have ended. The error is a fault of the engine, not of the state.
func (j *fanOut) all(ctx context.Context, s *asl.State) ([]json.RawMessage, *states.Failure, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g := collector{fanOut: j, cancel: cancel, outputs: make([]json.RawMessage, j.size)}
	ends := make(chan childEnd)
	for next, running := 0, 0; ; {
		for ; g.failure == nil && g.fault == nil && next < j.size && running < j.limit; next++ {
			child, why := j.begin(next)
			if why != nil {
				g.fail(why)
				break
			}
			j.start(ctx, next, child, ends)
			running++
		}
		if running == 0 && g.failure == nil && g.total > states.MaxPayloadBytes {
			g.failure = tooLarge(s, "result", g.total)
		}
		if running == 0 {
			return g.outputs, g.failure, g.fault
		}
		g.take(<-ends)
		running--
	}
}

// collector is what the frames of a fanOut have given so far.
type collector struct {
	fanOut  *fanOut
	cancel  context.CancelFunc
	outputs []json.RawMessage
	total   int // bytes of outputs, which are dropped once they cannot be the result
	failure *states.Failure
	fault   error
}

// fail makes a frame's failure the failure of the state and ends the other
// frames.
func (g *collector) fail(why *states.Failure) {
	g.failure = why
	g.fanOut.frame.closeInside()
	g.cancel()
}

// take records how a frame ended.
func (g *collector) take(end childEnd) {
	rec := &g.fanOut.frame.rec
	switch {
	case end.err != nil && g.failure == nil && g.fault == nil:
		g.fault = end.err
		g.cancel()
	case end.err != nil && !closedOrCanceled(end.err):
		g.fault = end.err
	case end.err != nil || g.failure != nil:
		// It ended because another frame failed.
	case end.out.failure != nil:
		rec.Event = end.event
		g.fail(end.out.failure)
	default:
		rec.Event = max(end.event, rec.Event)
		if g.total += len(end.out.output); g.total <= states.MaxPayloadBytes {
			g.outputs[end.index] = end.out.output
		}
	}
}

// closedOrCanceled reports whether an error only means that a frame was closed.
func closedOrCanceled(err error) bool {
	return errors.Is(err, errClosed) || errors.Is(err, context.Canceled)
}

func (j *fanOut) start(ctx context.Context, index int, child *frame, ends chan<- childEnd) {
	x := j.frame.x
	x.mu.Lock()
	j.frame.children[index] = child
	x.mu.Unlock()
	x.runtime.group.Go(func() error {
		out, err := child.drive(ctx)
		if err == nil {
			err = child.done(out)
		}
		if err == nil {
			x.mu.Lock()
			delete(j.frame.children, index)
			x.mu.Unlock()
		} else if child.isClosed() {
			// No goroutine would end a map run that is not resumed yet.
			if fault := x.stopRunsInside(child); fault != nil {
				err = fault
			}
		}
		ends <- childEnd{index: index, event: child.rec.Event, out: out, err: err}
		return nil
	})
}

// done records durably that the thread has ended: its siblings may take long.
func (f *frame) done(out outcome) error {
	if f.rec.Phase == journal.PhaseDone {
		return nil
	}
	if it := f.iteration; it != nil {
		details := &states.IterationDetails{Name: it.name, Index: it.index}
		if out.failure != nil {
			f.event(states.Event{Type: "MapIterationFailed", IterationFailed: details})
		} else {
			f.event(states.Event{Type: "MapIterationSucceeded", IterationSucceeded: details})
		}
	}
	f.rec = journal.Frame{
		Phase:   journal.PhaseDone,
		State:   f.rec.State,
		Event:   f.rec.Event,
		Output:  out.output,
		Failure: out.failure,
	}
	return f.commitDurably()
}

// failedBefore handles a crash between the failure of one frame and the end of
// its siblings: it returns the journalled failure, and no frame is restarted.
func (j *fanOut) failedBefore() (*states.Failure, error) {
	f := j.frame
	var failed *journal.Frame
	var open []int
	f.x.mu.Lock()
	for i := range j.size {
		rec, found := f.x.unresumed[fmt.Sprintf("%s.%d", f.path, i)]
		switch {
		case found && rec.Phase == journal.PhaseDone && rec.Failure != nil && (failed == nil || rec.Event < failed.Event):
			failed = &rec
		case found && rec.Phase != journal.PhaseDone:
			open = append(open, i)
		}
	}
	f.x.mu.Unlock()
	if failed == nil {
		return nil, nil
	}
	for _, i := range open {
		child, why := j.begin(i)
		if why != nil {
			return nil, errors.New("a journalled frame cannot be resumed")
		}
		if err := f.x.stopRunsInside(child); err != nil {
			return nil, err
		}
		f.x.mu.Lock()
		f.children[i] = child
		f.x.mu.Unlock()
	}
	f.closeInside()
	f.rec.Event = max(f.rec.Event, failed.Event)
	return failed.Failure, nil
}

// stopRunsInside ends the map runs of a frame that no goroutine drives, and of
// the frames inside it.
func (x *Execution) stopRunsInside(f *frame) error {
	x.mu.Lock()
	runs := []string{f.rec.Run}
	for path, rec := range x.unresumed {
		if strings.HasPrefix(path, f.path+".") {
			runs = append(runs, rec.Run)
		}
	}
	x.mu.Unlock()
	slices.Sort(runs)
	for _, run := range runs {
		if run == "" {
			continue
		}
		if err := x.runtime.abandon(run); err != nil {
			return err
		}
	}
	return nil
}
