package interpreter

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/jsonata"
	"reprise/pkg/asl/states"
)

// call is an invocation of a function.
type call struct {
	function  string
	payload   json.RawMessage
	arguments json.RawMessage
}

// reply is the result of an invocation.
type reply struct {
	payload json.RawMessage
	err     error
}

func taskDetails(s *asl.State) *states.TaskDetails {
	resource := strings.TrimPrefix(s.Resource, "arn:aws:states:::lambda:")
	return &states.TaskDetails{ResourceType: "lambda", Resource: resource}
}

// task makes one attempt of a Task. After a restart, a started task is invoked
// again, because its invocation may not have completed; a submitted task keeps
// waiting for its token.
func (f *frame) task(ctx context.Context, s *asl.State) (outcome, error) {
	fresh := f.rec.Phase == journal.PhaseEntered
	if fresh && s.WaitsForToken() {
		f.rec.Token = f.x.runtime.UUID()
	}
	var invocation <-chan reply
	if f.rec.Phase != journal.PhaseSubmitted {
		c, failure := f.call(s)
		if failure == nil && fresh {
			failure = f.schedule(s, c)
		}
		if failure != nil {
			return outcome{failure: failure}, nil
		}
		if fresh {
			// The journal must know of the invocation before it has effects.
			if err := f.commitDurably(); err != nil {
				return outcome{}, err
			}
		}
		if err := f.expectAnswer(s); err != nil {
			return outcome{}, err
		}
		invocation = f.invoke(c)
	} else if err := f.expectAnswer(s); err != nil {
		return outcome{}, err
	}
	defer f.dropToken()
	return f.await(ctx, s, invocation)
}

// call evaluates the arguments.
func (f *frame) call(s *asl.State) (call, *states.Failure) {
	sc := scope{}
	if s.WaitsForToken() {
		sc.token = encodeToken(f.x.record.ID, f.path, f.rec.Token)
	}
	v, err := s.Arguments.Eval(f.lookup(sc))
	if err != nil {
		return call{}, f.evaluationFailed(s, err)
	}
	arguments := v.(*jsonata.Object)
	c := call{arguments: jsonata.Encode(v), payload: json.RawMessage("{}")}
	if len(c.arguments) > states.MaxPayloadBytes {
		return call{}, tooLarge(s, "arguments", len(c.arguments))
	}
	name, _ := arguments.Get("FunctionName")
	function, ok := name.(string)
	if !ok || function == "" {
		why := &asl.EvaluationError{Location: "Arguments.FunctionName", Reason: "the value is not a function name"}
		return call{}, f.evaluationFailed(s, why)
	}
	c.function = function
	if payload, found := arguments.Get("Payload"); found {
		c.payload = jsonata.Encode(payload)
	}
	return c, nil
}

// schedule records the attempt in the history and in the frame.
func (f *frame) schedule(s *asl.State, c call) *states.Failure {
	lookup := f.lookup(scope{})
	timeout, err := s.TimeoutSeconds.Eval(lookup, 0)
	if err != nil {
		return f.evaluationFailed(s, err)
	}
	heartbeat, err := s.HeartbeatSeconds.Eval(lookup, 0)
	if err == nil && heartbeat > 0 && timeout > 0 && heartbeat >= timeout {
		err = &asl.EvaluationError{Location: "HeartbeatSeconds", Reason: "the value is not less than TimeoutSeconds"}
	}
	if err != nil {
		return f.evaluationFailed(s, err)
	}
	if timeout > 0 {
		f.rec.Deadline = f.x.runtime.clock.Now().Add(time.Duration(timeout) * time.Second)
	}
	f.rec.Heartbeat = time.Duration(heartbeat) * time.Second
	parameters, _ := states.Data(c.arguments)
	details := taskDetails(s)
	f.event(states.Event{Type: "TaskScheduled", TaskScheduled: &states.ScheduledDetails{
		ResourceType:       details.ResourceType,
		Resource:           details.Resource,
		Region:             f.x.runtime.arns.Region,
		Parameters:         parameters,
		TimeoutInSeconds:   int64(timeout),
		HeartbeatInSeconds: int64(heartbeat),
	}})
	f.event(states.Event{Type: "TaskStarted", TaskStarted: details})
	f.rec.Phase = journal.PhaseStarted
	return nil
}

// invoke calls the function in its own goroutine, which may outlive the attempt.
func (f *frame) invoke(c call) <-chan reply {
	replies := make(chan reply, 1)
	rt := f.x.runtime
	rt.group.Go(func() error {
		payload, err := rt.config.Invoker.Invoke(rt.ctx, c.function, c.payload)
		replies <- reply{payload: payload, err: err}
		return nil
	})
	return replies
}

// await waits until the attempt ends.
func (f *frame) await(ctx context.Context, s *asl.State, invocation <-chan reply) (outcome, error) {
	deadline, release := f.timer(f.rec.Deadline)
	defer release()
	for {
		missed, releaseBeat := f.heartbeat()
		select {
		case <-ctx.Done():
			releaseBeat()
			return outcome{}, ctx.Err()
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
			return f.timedOut(s, states.ErrorTimeout, "The task passed its TimeoutSeconds."), nil
		case <-missed:
			releaseBeat()
			return f.timedOut(s, states.ErrorHeartbeatTimeout, "No heartbeat came within HeartbeatSeconds."), nil
		}
		releaseBeat()
	}
}

func (f *frame) timer(at time.Time) (<-chan time.Time, func()) {
	if at.IsZero() {
		return nil, func() {}
	}
	return f.x.runtime.clock.At(at)
}

// heartbeat is a timer for the next heartbeat. It is not journalled: after a
// restart the whole interval begins again, because no heartbeat could be sent
// while the engine was stopped.
func (f *frame) heartbeat() (<-chan time.Time, func()) {
	if f.rec.Heartbeat == 0 {
		return nil, func() {}
	}
	return f.timer(f.x.runtime.clock.Now().Add(f.rec.Heartbeat))
}

// replied handles the result of the invocation. It returns false if the task
// then waits for its token.
func (f *frame) replied(s *asl.State, r reply) (bool, outcome, error) {
	if r.err != nil && f.x.runtime.ctx.Err() != nil {
		return true, outcome{}, f.x.runtime.ctx.Err()
	}
	if r.err != nil {
		return true, f.taskFailed(s, r.err), nil
	}
	if len(r.payload) == 0 {
		r.payload = json.RawMessage("null")
	}
	err := jsonata.Check(r.payload)
	var payload any
	if err == nil {
		payload, err = jsonata.Decode(r.payload)
	}
	if err != nil {
		message := "the function's result cannot be used: " + err.Error()
		return true, f.taskFailed(s, &states.FunctionError{Type: states.ErrorLambdaUnknown, Message: message}), nil
	}
	raw := jsonata.Encode(object("ExecutedVersion", "$LATEST", "Payload", payload, "StatusCode", 200.0))
	details := taskDetails(s)
	details.Output, details.OutputDetails = states.Data(raw)
	if !s.WaitsForToken() {
		f.event(states.Event{Type: "TaskSucceeded", TaskSucceeded: details})
		return true, outcome{output: raw}, nil
	}
	f.event(states.Event{Type: "TaskSubmitted", TaskSubmitted: details})
	f.rec.Phase = journal.PhaseSubmitted
	return false, outcome{}, f.commitDurably()
}

// taskFailed records a failed invocation in the history. As with Lambda, the
// cause of a function's own error is JSON.
func (f *frame) taskFailed(s *asl.State, err error) outcome {
	failure := &states.Failure{Error: states.ErrorLambdaUnknown, Cause: err.Error()}
	function := (*states.FunctionError)(nil)
	if errors.As(err, &function) && function.Type != "" {
		failure.Error = function.Type
		failure.Cause = string(jsonata.Encode(object("errorMessage", function.Message, "errorType", function.Type)))
	}
	details := taskDetails(s)
	details.Error, details.Cause = failure.Cut()
	if function == nil && s.WaitsForToken() {
		f.event(states.Event{Type: "TaskSubmitFailed", TaskSubmitFailed: details})
	} else {
		f.event(states.Event{Type: "TaskFailed", TaskFailed: details})
	}
	return outcome{failure: failure}
}

// timedOut ends an attempt, unless it was answered in the meantime.
func (f *frame) timedOut(s *asl.State, name, cause string) outcome {
	f.x.mu.Lock()
	answered := f.answer != nil
	if !answered {
		f.token = ""
	}
	f.x.mu.Unlock()
	if answered {
		return f.takeAnswer(s)
	}
	details := taskDetails(s)
	details.Error, details.Cause = name, cause
	f.event(states.Event{Type: "TaskTimedOut", TaskTimedOut: details})
	return outcome{failure: &states.Failure{Error: name, Cause: cause}}
}
