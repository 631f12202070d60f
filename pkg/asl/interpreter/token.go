package interpreter

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"reprise/pkg/asl"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// encodeToken makes a task token from the execution's id, the thread's path and
// a random secret of the attempt. The id and the path locate the task, so no
// table of tokens is needed; the secret makes the token impossible to guess.
func encodeToken(id, path, secret string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(id + "\x00" + path + "\x00" + secret))
}

func decodeToken(token string) (id, path, secret string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	parts := strings.Split(string(raw), "\x00")
	if err != nil || len(parts) != 3 {
		return "", "", "", states.ErrInvalidToken
	}
	return parts[0], parts[1], parts[2], nil
}

// expectAnswer makes the attempt's token valid, and delivers an answer that is
// already journalled.
func (f *frame) expectAnswer(s *asl.State) error {
	if !s.WaitsForToken() {
		f.dropToken()
		return nil
	}
	known, found, err := journal.Load[journal.Answer](f.x.runtime.journal, journal.AnswerKey(f.x.record.ID, f.path))
	if err != nil {
		return err
	}
	f.x.mu.Lock()
	defer f.x.mu.Unlock()
	drain(f.answered)
	drain(f.beat)
	f.token, f.answer, f.due = f.rec.Token, nil, ""
	if found && known.Token == f.rec.Token {
		f.answer = &known
		f.answered <- struct{}{}
	}
	return nil
}

func drain(signal chan struct{}) {
	select {
	case <-signal:
	default:
	}
}

func (f *frame) dropToken() {
	f.x.mu.Lock()
	defer f.x.mu.Unlock()
	f.token, f.answer, f.due = "", nil, ""
}

// takeAnswer makes the answer the attempt's result.
func (f *frame) takeAnswer(s *asl.State) outcome {
	f.x.mu.Lock()
	a := f.answer
	f.token = ""
	f.x.mu.Unlock()
	f.ops = append(f.ops, journal.Op{Key: journal.AnswerKey(f.x.record.ID, f.path)})
	details := taskDetails(s)
	if a.Failure != nil {
		details.Error, details.Cause = a.Failure.Cut()
		f.event(states.Event{Type: "TaskFailed", TaskFailed: details})
		return outcome{failure: a.Failure}
	}
	details.Output, details.OutputDetails = states.Data(a.Output)
	f.event(states.Event{Type: "TaskSucceeded", TaskSucceeded: details})
	return outcome{output: a.Output}
}

// Heartbeat restarts the HeartbeatSeconds of the task that waits for a token. It
// fails as Answer does.
func (rt *Runtime) Heartbeat(token string) error {
	f, err := rt.waiting(token)
	if err != nil {
		return err
	}
	defer f.x.mu.Unlock()
	if f.answer != nil {
		return states.ErrTaskTimedOut
	}
	drain(f.beat)
	f.beat <- struct{}{}
	return nil
}

// Answer ends the task that waits for a token, with output or with a failure.
// It returns once that is durable. It fails with states.ErrInvalidToken,
// states.ErrTaskDoesNotExist, states.ErrTaskTimedOut or states.ErrStopped.
func (rt *Runtime) Answer(token string, output json.RawMessage, failure *states.Failure) error {
	f, err := rt.waiting(token)
	if err != nil {
		return err
	}
	if f.answer != nil {
		f.x.mu.Unlock()
		return states.ErrTaskTimedOut
	}
	a := &journal.Answer{Token: f.token, Output: output, Failure: failure}
	op, err := journal.Put(journal.AnswerKey(f.x.record.ID, f.path), a)
	if err == nil {
		err = rt.journal.Write([]journal.Op{op})
	}
	if err != nil {
		f.x.mu.Unlock()
		return fmt.Errorf("journal answer: %w", err)
	}
	f.answer = a
	f.x.mu.Unlock()
	err = rt.journal.Sync()
	select {
	case f.answered <- struct{}{}:
	default:
	}
	if err != nil {
		return fmt.Errorf("journal answer: %w", err)
	}
	return nil
}

// waiting finds the frame whose task waits for a token. On success it returns
// with the execution's mu held.
func (rt *Runtime) waiting(token string) (*frame, error) {
	id, path, secret, err := decodeToken(token)
	if err != nil {
		return nil, err
	}
	x := rt.Live(id)
	if x == nil {
		return nil, rt.whyNotWaiting(id)
	}
	x.mu.Lock()
	f := x.frameAt(path)
	if !x.ended && x.isDue(f, path, secret) {
		x.mu.Unlock()
		return nil, states.ErrStopped
	}
	if x.ended || f == nil || f.token == "" || f.token != secret || f.isClosed() {
		x.mu.Unlock()
		return nil, states.ErrTaskTimedOut
	}
	return f, nil
}

// isDue reports whether a token is that of a task which the execution has not come to
// again after a restart. x.mu is held.
func (x *Execution) isDue(f *frame, path, secret string) bool {
	if secret == "" {
		return false
	}
	return (f != nil && f.due == secret) || dueToken(x.unresumed[path]) == secret
}

// dueToken is the token of the task that a journalled frame waits in, "" if there is none.
func dueToken(rec journal.Frame) string {
	if rec.Phase != journal.PhaseStarted && rec.Phase != journal.PhaseSubmitted {
		return ""
	}
	return rec.Token
}

// whyNotWaiting is the error for a token of an execution that is not driven.
func (rt *Runtime) whyNotWaiting(id string) error {
	record, found, err := journal.Load[journal.Execution](rt.journal, journal.ExecutionKey(id))
	switch {
	case err != nil:
		return err
	case !found:
		return states.ErrTaskDoesNotExist
	case record.Status == states.StatusRunning:
		return states.ErrStopped
	}
	return states.ErrTaskTimedOut
}

// frameAt finds an open frame by its path. x.mu is held.
func (x *Execution) frameAt(path string) *frame {
	f := x.root
	for f != nil && f.path != path {
		next := (*frame)(nil)
		for _, child := range f.children {
			if path == child.path || strings.HasPrefix(path, child.path+".") {
				next = child
			}
		}
		f = next
	}
	return f
}
