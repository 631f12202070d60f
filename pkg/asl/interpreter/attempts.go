package interpreter

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/jsonata"
	"reprise/pkg/asl/states"
)

// attempts runs a Task, Map or Parallel with its retries until the state
// succeeds, a Catcher matches or the state fails.
func (f *frame) attempts(ctx context.Context, s *asl.State) (transition, error) {
	for {
		if f.rec.Phase == journal.PhaseBackoff {
			if err := f.sleep(ctx, f.rec.Until); err != nil {
				return transition{}, err
			}
			f.rec.Phase, f.rec.Until = journal.PhaseEntered, time.Time{}
		}
		r, err := f.attempt(ctx, s)
		if err != nil {
			return transition{}, err
		}
		failure := r.failure
		if failure == nil {
			failure = checkData(s, "result", r.output)
		}
		if failure == nil {
			t, err := f.succeed(s, r.output)
			if err != nil || t.failure == nil {
				return t, err
			}
			failure = t.failure
		}
		if !f.retry(s, failure) {
			return f.catch(s, failure)
		}
		// After a crash the task must not be retried before its time.
		if err := f.commitDurably(); err != nil {
			return transition{}, err
		}
	}
}

func (f *frame) attempt(ctx context.Context, s *asl.State) (outcome, error) {
	switch {
	case s.Type == asl.TypeTask:
		return f.task(ctx, s)
	case s.Type == asl.TypeParallel:
		return f.parallel(ctx, s)
	case s.Map.Distributed:
		return f.distributed(ctx, s)
	}
	return f.inlineMap(ctx, s)
}

func (f *frame) succeed(s *asl.State, raw json.RawMessage) (transition, error) {
	way := exit{output: s.Output, assign: s.Assign, next: s.Next, def: raw}
	if s.Output != nil || len(s.Assign) > 0 {
		v, err := jsonata.Decode(raw)
		if err != nil {
			return transition{ends: true, failure: f.evaluationFailed(s, err)}, nil
		}
		way.scope = scope{result: v, hasResult: true}
	}
	return f.leave(s, way)
}

// retry decides whether and when to retry the state. Only the first retrier
// that matches counts.
func (f *frame) retry(s *asl.State, failure *states.Failure) bool {
	for i, r := range s.Retry {
		if !asl.Matches(r.ErrorEquals, failure.Error) {
			continue
		}
		if f.rec.Retries[i] >= r.MaxAttempts {
			return false
		}
		delay := r.Delay(f.rec.Retries[i])
		if r.FullJitter {
			delay = time.Duration(float64(delay) * f.x.runtime.fraction())
		}
		f.rec = journal.Frame{
			Phase:      journal.PhaseBackoff,
			State:      f.rec.State,
			Input:      f.rec.Input,
			Vars:       f.rec.Vars,
			Event:      f.rec.Event,
			Entered:    f.rec.Entered,
			Retries:    f.rec.Retries,
			RetryCount: f.rec.RetryCount + 1,
			Until:      f.x.runtime.clock.Now().Add(delay),
		}
		f.rec.Retries[i]++
		return true
	}
	return false
}

// catch leaves the state by the first catcher that matches, or fails.
func (f *frame) catch(s *asl.State, failure *states.Failure) (transition, error) {
	for _, c := range s.Catch {
		if !asl.Matches(c.ErrorEquals, failure.Error) {
			continue
		}
		out := errorOutput(failure)
		return f.leave(s, exit{
			output: c.Output,
			assign: c.Assign,
			next:   c.Next,
			def:    jsonata.Encode(out),
			scope:  scope{errorOutput: out, hasError: true},
		})
	}
	return transition{ends: true, failure: failure}, nil
}

// sleep waits until a time.
func (f *frame) sleep(ctx context.Context, until time.Time) error {
	fired, release := f.x.runtime.clock.At(until)
	defer release()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-fired:
		return nil
	}
}

// wait runs a Wait. It journals the time of the end, so that a restart does not
// prolong it.
func (f *frame) wait(ctx context.Context, s *asl.State) (transition, error) {
	if f.rec.Phase == journal.PhaseEntered {
		until, err := f.waitUntil(s)
		if err != nil {
			return transition{ends: true, failure: f.evaluationFailed(s, err)}, nil
		}
		f.rec.Phase, f.rec.Until = journal.PhaseWaiting, until
		if err := f.commitDurably(); err != nil {
			return transition{}, err
		}
	}
	if err := f.sleep(ctx, f.rec.Until); err != nil {
		return transition{}, err
	}
	return f.leave(s, exit{output: s.Output, assign: s.Assign, next: s.Next, def: f.rec.Input})
}

func (f *frame) waitUntil(s *asl.State) (time.Time, error) {
	lookup := f.lookup(scope{})
	if s.Seconds != nil {
		seconds, err := s.Seconds.Eval(lookup, 0)
		return f.rec.Entered.Add(time.Duration(seconds) * time.Second), err
	}
	text, err := s.Timestamp.EvalText(lookup)
	if err != nil {
		return time.Time{}, err
	}
	until, err := time.Parse(time.RFC3339, text)
	if err == nil {
		_, err = until.MarshalJSON() // stricter than Parse about time zones
	}
	if err != nil {
		return time.Time{}, s.Timestamp.Refuse("the value is not a time in RFC 3339")
	}
	return until, nil
}

// Trial is a state to run once, outside any execution.
type Trial struct {
	State *asl.State
	Input json.RawMessage
	// Vars are the variables, by name.
	Vars map[string]json.RawMessage
	// Mocked means that a Task, Map or Parallel has the result Mock or Failure,
	// if that is set, without an attempt.
	Mocked  bool
	Mock    json.RawMessage
	Failure *states.Failure
	// Retries is how many retries there were before.
	Retries int
}

// Tried is the result of a Trial.
type Tried struct {
	Output json.RawMessage
	// Next is the state that follows, "" if there is none.
	Next string
	// Failure is the state's failure, also if it would be retried or was caught.
	Failure *states.Failure
	// Retry and Catch are the index of the retrier or catcher of the failure, -1
	// for none; Backoff is the wait before the retry, without jitter.
	Retry, Catch int
	Backoff      time.Duration
	// Arguments and Result are those of a Task, nil if there were none.
	Arguments, Result json.RawMessage
	Vars              map[string]json.RawMessage
}

// Try runs a state in the group of the runtime, without a journal, retries or
// history. It runs no Map, no Parallel and no Task with a task token, unless it is
// mocked. An error is that of ctx or of the end of the runtime.
func (rt *Runtime) Try(ctx context.Context, t Trial) (Tried, error) {
	config := rt.config
	config.Journal, config.Rand = discard{}, rt.source()
	outside := New(config)
	outside.Begin(rt.ctx, rt.group)
	name := outside.UUID()
	record := journal.Execution{ID: t.State.Name + ":" + name, Machine: t.State.Name, Name: name,
		Start: rt.clock.Now(), Input: t.Input}
	x := &Execution{runtime: outside, flow: &asl.Flow{}, record: record}
	x.ctx, x.cancel = context.WithCancel(ctx)
	defer x.cancel()
	x.root = newFrame(x, nil, "", x.flow)
	x.root.rec = journal.Frame{State: t.State.Name, Input: t.Input, Vars: t.Vars}
	return x.root.try(x.ctx, t)
}

// discard is a journal that keeps nothing.
type discard struct{}

func (discard) Write([]journal.Op) error         { return nil }
func (discard) Sync() error                      { return nil }
func (discard) Get(string) ([]byte, bool, error) { return nil, false, nil }
func (discard) Scan(string, string, func(string, []byte) (bool, error)) error {
	return nil
}

func (f *frame) try(ctx context.Context, t Trial) (Tried, error) {
	s, tried := t.State, Tried{Retry: -1, Catch: -1}
	f.enter(s)
	for i := range f.rec.Retries {
		f.rec.Retries[i] = t.Retries
	}
	f.rec.RetryCount = t.Retries
	var way transition
	var err error
	switch s.Type {
	case asl.TypeTask, asl.TypeMap, asl.TypeParallel:
		way, err = f.tryAttempt(ctx, t, &tried)
	default:
		way, err = f.step(ctx, s)
	}
	if err != nil {
		return Tried{}, err
	}
	tried.Output, tried.Next, tried.Vars = way.output, way.next, f.rec.Vars
	if way.failure != nil {
		tried.Failure = way.failure
	}
	return tried, nil
}

// tryAttempt makes one attempt, or takes the mock for one, and then leaves the
// state, decides on a retry or looks for a catcher.
func (f *frame) tryAttempt(ctx context.Context, t Trial, tried *Tried) (transition, error) {
	s := t.State
	if s.Type == asl.TypeTask {
		if c, failure := f.call(s); failure == nil {
			tried.Arguments = c.arguments
		}
	}
	r := outcome{output: t.Mock, failure: t.Failure}
	if !t.Mocked {
		var err error
		if r, err = f.attempt(ctx, s); err != nil {
			return transition{}, err
		}
	}
	tried.Result, tried.Failure = r.output, r.failure
	if tried.Failure == nil {
		tried.Failure = checkData(s, "result", r.output)
	}
	if tried.Failure == nil {
		way, err := f.succeed(s, r.output)
		if err != nil || way.failure == nil {
			return way, err
		}
		tried.Failure = way.failure
	}
	matches := func(names []string) bool { return asl.Matches(names, tried.Failure.Error) }
	tried.Retry = slices.IndexFunc(s.Retry, func(r asl.Retrier) bool { return matches(r.ErrorEquals) })
	if tried.Retry >= 0 && f.retry(s, tried.Failure) {
		tried.Backoff = s.Retry[tried.Retry].Delay(t.Retries)
		return transition{}, nil
	}
	tried.Retry = -1
	way, err := f.catch(s, tried.Failure)
	if err == nil && way.failure == nil {
		tried.Catch = slices.IndexFunc(s.Catch, func(c asl.Catcher) bool { return matches(c.ErrorEquals) })
	}
	return way, err
}
