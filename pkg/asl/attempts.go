package asl

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"reprise/pkg/asl/jsonata"
)

// result is what one attempt of a Task, Map or Parallel gave.
type result struct {
	raw     json.RawMessage
	failure *Failure
}

// attempts runs a Task, Map or Parallel until it succeeds, is caught, or fails
// for good.
func (f *frame) attempts(ctx context.Context, s *State) (transition, error) {
	for {
		if f.rec.Phase == phaseBackoff {
			if err := f.sleep(ctx, f.rec.Until); err != nil {
				return transition{}, err
			}
			f.rec.Phase, f.rec.Until = phaseEntered, time.Time{}
		}
		r, err := f.attempt(ctx, s)
		if err != nil {
			return transition{}, err
		}
		failure := r.failure
		if failure == nil && len(r.raw) > MaxPayloadBytes {
			failure = tooLarge(s, "result", len(r.raw))
		}
		if failure == nil {
			t, err := f.succeed(s, r.raw)
			if err != nil || t.failure == nil {
				return t, err
			}
			failure = t.failure
		}
		if !f.retry(s, failure) {
			return f.catch(s, failure)
		}
		// The attempt's outcome is a result too: a crash must not make the
		// task run again at once.
		if err := f.commitDurably(); err != nil {
			return transition{}, err
		}
	}
}

func (f *frame) attempt(ctx context.Context, s *State) (result, error) {
	switch {
	case s.Type == TypeTask:
		return f.task(ctx, s)
	case s.Type == TypeParallel:
		return f.parallel(ctx, s)
	case s.Map.Distributed:
		return f.distributed(ctx, s)
	}
	return f.inlineMap(ctx, s)
}

func (f *frame) succeed(s *State, raw json.RawMessage) (transition, error) {
	way := exit{output: s.Output, assign: s.Assign, next: s.Next, def: raw}
	if s.Output != nil || len(s.Assign) > 0 {
		v, err := jsonata.Decode(raw)
		if err != nil {
			return transition{}, err
		}
		way.scope = scope{result: v, hasResult: true}
	}
	return f.leave(s, way)
}

// retry decides whether the state is tried again, and when. Only the first
// retrier that matches counts.
func (f *frame) retry(s *State, failure *Failure) bool {
	for i, r := range s.Retry {
		if !matches(r.ErrorEquals, failure.Error) {
			continue
		}
		if f.rec.Retries[i] >= r.MaxAttempts {
			return false
		}
		delay := r.delay(f.rec.Retries[i])
		if r.FullJitter {
			delay = time.Duration(float64(delay) * f.x.engine.fraction())
		}
		f.rec = frameRecord{
			Phase: phaseBackoff, State: f.rec.State, Input: f.rec.Input, Vars: f.rec.Vars, Event: f.rec.Event,
			Entered: f.rec.Entered, Retries: f.rec.Retries, RetryCount: f.rec.RetryCount + 1,
			Until: f.x.engine.clock.Now().Add(delay),
		}
		f.rec.Retries[i]++
		return true
	}
	return false
}

// delay is the wait before the retry that follows n earlier ones.
func (r Retrier) delay(n int) time.Duration {
	seconds := r.IntervalSeconds * math.Pow(r.BackoffRate, float64(n))
	if r.MaxDelaySeconds > 0 {
		seconds = min(seconds, r.MaxDelaySeconds)
	}
	return time.Duration(min(seconds, secondsLimit) * float64(time.Second))
}

// catch leaves the state by the first catcher that matches, or fails.
func (f *frame) catch(s *State, failure *Failure) (transition, error) {
	for _, c := range s.Catch {
		if !matches(c.ErrorEquals, failure.Error) {
			continue
		}
		out := errorOutput(failure)
		return f.leave(s, exit{output: c.Output, assign: c.Assign, next: c.Next, def: jsonata.Encode(out),
			scope: scope{errorOutput: out, hasError: true}})
	}
	return transition{ends: true, failure: failure}, nil
}

// sleep waits for a time.
func (f *frame) sleep(ctx context.Context, until time.Time) error {
	fired, release := f.x.engine.clock.At(until)
	defer release()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-fired:
		return nil
	}
}

// wait runs a Wait. The time at which it ends is journalled, so that a restart
// does not make it longer.
func (f *frame) wait(ctx context.Context, s *State) (transition, error) {
	if f.rec.Phase == phaseEntered {
		until, err := f.waitUntil(s)
		if err != nil {
			return transition{ends: true, failure: f.evaluationFailed(s, err)}, nil
		}
		f.rec.Phase, f.rec.Until = phaseWaiting, until
		if err := f.commitDurably(); err != nil {
			return transition{}, err
		}
	}
	if err := f.sleep(ctx, f.rec.Until); err != nil {
		return transition{}, err
	}
	return f.leave(s, exit{output: s.Output, assign: s.Assign, next: s.Next, def: f.rec.Input})
}

func (f *frame) waitUntil(s *State) (time.Time, error) {
	lookup := f.lookup(scope{})
	if s.Seconds != nil {
		seconds, err := s.Seconds.eval(lookup, 0)
		return f.rec.Entered.Add(time.Duration(seconds) * time.Second), err
	}
	text, err := s.Timestamp.text(lookup)
	if err != nil {
		return time.Time{}, err
	}
	until, err := parseTime(text)
	if err != nil {
		return time.Time{}, &evaluation{location: s.Timestamp.field, reason: "the value is not a time in RFC 3339"}
	}
	return until, nil
}
