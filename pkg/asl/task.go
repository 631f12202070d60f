package asl

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"reprise/pkg/asl/jsonata"
)

// call is an invocation to make.
type call struct {
	function  string
	payload   json.RawMessage
	arguments json.RawMessage
}

// reply is what an invocation gave.
type reply struct {
	payload json.RawMessage
	err     error
}

// task makes one attempt of a Task. Found started after a restart, it is
// invoked again, since nobody knows how far the invocation got; found
// submitted, it goes on waiting for its token.
func (f *frame) task(ctx context.Context, s *State) (result, error) {
	fresh := f.rec.Phase == phaseEntered
	if fresh && s.WaitsForToken() {
		f.rec.Token = f.x.engine.uuid()
	}
	var invocation <-chan reply
	if f.rec.Phase != phaseSubmitted {
		c, failure := f.call(s)
		if failure == nil && fresh {
			failure = f.schedule(s, c)
		}
		if failure != nil {
			return result{failure: failure}, nil
		}
		if fresh {
			// The record that the task may be running must survive it.
			if err := f.commitDurably(); err != nil {
				return result{}, err
			}
		}
		if err := f.expectAnswer(s); err != nil {
			return result{}, err
		}
		invocation = f.invoke(c)
	} else if err := f.expectAnswer(s); err != nil {
		return result{}, err
	}
	defer f.dropToken()
	return f.await(ctx, s, invocation)
}

// call evaluates the arguments.
func (f *frame) call(s *State) (call, *Failure) {
	sc := scope{}
	if s.WaitsForToken() {
		sc.token = encodeToken(f.x.record.ID, f.path, f.rec.Token)
	}
	v, err := s.Arguments.eval(f.lookup(sc))
	if err != nil {
		return call{}, f.evaluationFailed(s, err)
	}
	arguments := v.(*jsonata.Object)
	c := call{arguments: jsonata.Encode(v), payload: json.RawMessage("{}")}
	if len(c.arguments) > MaxPayloadBytes {
		return call{}, tooLarge(s, "arguments", len(c.arguments))
	}
	name, _ := arguments.Get("FunctionName")
	function, is := name.(string)
	if !is || function == "" {
		return call{}, f.evaluationFailed(s, &evaluation{location: "Arguments.FunctionName", reason: "the value is not a function name"})
	}
	c.function = function
	if payload, found := arguments.Get("Payload"); found {
		c.payload = jsonata.Encode(payload)
	}
	return c, nil
}

// schedule enters the attempt in the history and the record.
func (f *frame) schedule(s *State, c call) *Failure {
	lookup := f.lookup(scope{})
	timeout, err := s.TimeoutSeconds.eval(lookup, 0)
	if err != nil {
		return f.evaluationFailed(s, err)
	}
	heartbeat, err := s.HeartbeatSeconds.eval(lookup, 0)
	if err == nil && heartbeat > 0 && timeout > 0 && heartbeat >= timeout {
		err = &evaluation{location: "HeartbeatSeconds", reason: "the value is not less than TimeoutSeconds"}
	}
	if err != nil {
		return f.evaluationFailed(s, err)
	}
	if timeout > 0 {
		f.rec.Deadline = f.x.engine.clock.Now().Add(time.Duration(timeout) * time.Second)
	}
	f.rec.Heartbeat = time.Duration(heartbeat) * time.Second
	parameters, _ := data(c.arguments)
	details := s.taskDetails()
	f.event(Event{Type: "TaskScheduled", TaskScheduled: &ScheduledDetails{
		ResourceType: details.ResourceType, Resource: details.Resource, Region: f.x.engine.arns.region, Parameters: parameters,
		TimeoutInSeconds: int64(timeout), HeartbeatInSeconds: int64(heartbeat)}})
	f.event(Event{Type: "TaskStarted", TaskStarted: details})
	f.rec.Phase = phaseStarted
	return nil
}

// invoke calls the function in a goroutine of its own, which outlives the
// attempt where that is given up.
func (f *frame) invoke(c call) <-chan reply {
	replies := make(chan reply, 1)
	e := f.x.engine
	e.group.Go(func() error {
		payload, err := e.config.Invoker.Invoke(e.ctx, c.function, c.payload)
		replies <- reply{payload: payload, err: err}
		return nil
	})
	return replies
}

// await waits for whatever ends the attempt.
func (f *frame) await(ctx context.Context, s *State, invocation <-chan reply) (result, error) {
	deadline, release := f.timer(f.rec.Deadline)
	defer release()
	for {
		missed, releaseBeat := f.heartbeat()
		select {
		case <-ctx.Done():
			releaseBeat()
			return result{}, ctx.Err()
		case r := <-invocation:
			invocation = nil
			done, res, err := f.replied(s, r)
			if done || err != nil {
				releaseBeat()
				return res, err
			}
		case <-f.beat:
		case <-f.answered:
			releaseBeat()
			return f.takeAnswer(s), nil
		case <-deadline:
			releaseBeat()
			return f.timedOut(s, ErrorTimeout, "The task passed its TimeoutSeconds."), nil
		case <-missed:
			releaseBeat()
			return f.timedOut(s, ErrorHeartbeatTimeout, "No heartbeat came within HeartbeatSeconds."), nil
		}
		releaseBeat()
	}
}

func (f *frame) timer(at time.Time) (<-chan time.Time, func()) {
	if at.IsZero() {
		return nil, func() {}
	}
	return f.x.engine.clock.At(at)
}

// heartbeat is a timer for the next heartbeat. It is not journalled: after a
// restart the task gets its whole interval, since nothing could be sent while
// the engine was away.
func (f *frame) heartbeat() (<-chan time.Time, func()) {
	if f.rec.Heartbeat == 0 {
		return nil, func() {}
	}
	return f.timer(f.x.engine.clock.Now().Add(f.rec.Heartbeat))
}

// replied takes what the invocation gave. It reports false where the task goes
// on waiting for its token.
func (f *frame) replied(s *State, r reply) (bool, result, error) {
	if r.err != nil && f.x.engine.ctx.Err() != nil {
		return true, result{}, f.x.engine.ctx.Err()
	}
	if r.err != nil {
		return true, f.taskFailed(s, r.err), nil
	}
	if len(r.payload) == 0 {
		r.payload = json.RawMessage("null")
	}
	payload, err := jsonata.Decode(r.payload)
	if err != nil {
		return true, f.taskFailed(s, &FunctionError{Type: ErrorLambdaUnknown, Message: "the function's result is not JSON: " + err.Error()}), nil
	}
	raw := jsonata.Encode(object("ExecutedVersion", "$LATEST", "Payload", payload, "StatusCode", 200.0))
	details := s.taskDetails()
	details.Output, details.OutputDetails = data(raw)
	if !s.WaitsForToken() {
		f.event(Event{Type: "TaskSucceeded", TaskSucceeded: details})
		return true, result{raw: raw}, nil
	}
	f.event(Event{Type: "TaskSubmitted", TaskSubmitted: details})
	f.rec.Phase = phaseSubmitted
	return false, result{}, f.commitDurably()
}

// taskFailed enters a failed invocation in the history. A function's own error
// carries its report as JSON in the cause, as Lambda's does.
func (f *frame) taskFailed(s *State, err error) result {
	failure := &Failure{Error: ErrorLambdaUnknown, Cause: err.Error()}
	function := (*FunctionError)(nil)
	if errors.As(err, &function) && function.Type != "" {
		failure.Error = function.Type
		failure.Cause = string(jsonata.Encode(object("errorMessage", function.Message, "errorType", function.Type)))
	}
	details := s.taskDetails()
	details.Error, details.Cause = cut(failure.Error, maxError), cut(failure.Cause, maxCause)
	if function == nil && s.WaitsForToken() {
		f.event(Event{Type: "TaskSubmitFailed", TaskSubmitFailed: details})
	} else {
		f.event(Event{Type: "TaskFailed", TaskFailed: details})
	}
	return result{failure: failure}
}

// timedOut ends an attempt, unless its answer came in just before.
func (f *frame) timedOut(s *State, name, cause string) result {
	f.x.mu.Lock()
	answered := f.answer != nil
	if !answered {
		f.token = ""
	}
	f.x.mu.Unlock()
	if answered {
		return f.takeAnswer(s)
	}
	details := s.taskDetails()
	details.Error, details.Cause = name, cause
	f.event(Event{Type: "TaskTimedOut", TaskTimedOut: details})
	return result{failure: &Failure{Error: name, Cause: cause}}
}
