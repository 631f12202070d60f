package interpreter

import (
	"context"
	"encoding/json"
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
