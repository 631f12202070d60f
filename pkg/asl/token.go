package asl

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// A token names the execution, the thread and the attempt. The last part is
// random, so that a token cannot be guessed; the first two make a table of
// tokens needless.
func encodeToken(id, path, secret string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(id + "\x00" + path + "\x00" + secret))
}

func decodeToken(token string) (id, path, secret string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	parts := strings.Split(string(raw), "\x00")
	if err != nil || len(parts) != 3 {
		return "", "", "", ErrInvalidToken
	}
	return parts[0], parts[1], parts[2], nil
}

// expectAnswer lets the attempt's token be answered, and takes up an answer
// that the journal already has.
func (f *frame) expectAnswer(s *State) error {
	if !s.WaitsForToken() {
		return nil
	}
	known, found, err := load[answer](f.x.engine.journal, answerKey(f.x.record.ID, f.path))
	if err != nil {
		return err
	}
	f.x.mu.Lock()
	defer f.x.mu.Unlock()
	drain(f.answered)
	drain(f.beat)
	f.token, f.answer = f.rec.Token, nil
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
	f.token, f.answer = "", nil
}

// takeAnswer makes the answer the attempt's result.
func (f *frame) takeAnswer(s *State) result {
	f.x.mu.Lock()
	a := f.answer
	f.token = ""
	f.x.mu.Unlock()
	f.ops = append(f.ops, Op{Key: answerKey(f.x.record.ID, f.path)})
	details := s.taskDetails()
	if a.Failure != nil {
		details.Error, details.Cause = cut(a.Failure.Error, maxError), cut(a.Failure.Cause, maxCause)
		f.event(Event{Type: "TaskFailed", TaskFailed: details})
		return result{failure: a.Failure}
	}
	details.Output, details.OutputDetails = data(a.Output)
	f.event(Event{Type: "TaskSucceeded", TaskSucceeded: details})
	return result{raw: a.Output}
}

// SendTaskSuccess ends the task that waits for the token with output. It
// returns once that is durable. It fails with ErrInvalidToken,
// ErrInvalidOutput, ErrTaskDoesNotExist or ErrTaskTimedOut.
func (e *Engine) SendTaskSuccess(token string, output json.RawMessage) error {
	if len(output) > MaxPayloadBytes || !json.Valid(output) {
		return ErrInvalidOutput
	}
	return e.answer(token, &answer{Output: output})
}

// SendTaskFailure ends the task that waits for the token with an error.
func (e *Engine) SendTaskFailure(token, name, cause string) error {
	if len(name) > maxError || len(cause) > maxCause {
		return fmt.Errorf("%w: error has at most %d and cause at most %d characters", ErrValidation, maxError, maxCause)
	}
	return e.answer(token, &answer{Failure: &Failure{Error: name, Cause: cause}})
}

// SendTaskHeartbeat keeps the task that waits for the token from timing out by
// its HeartbeatSeconds.
func (e *Engine) SendTaskHeartbeat(token string) error {
	f, err := e.waiting(token)
	if err != nil {
		return err
	}
	defer f.x.mu.Unlock()
	if f.answer != nil {
		return ErrTaskTimedOut
	}
	drain(f.beat)
	f.beat <- struct{}{}
	return nil
}

func (e *Engine) answer(token string, a *answer) error {
	f, err := e.waiting(token)
	if err != nil {
		return err
	}
	if f.answer != nil {
		f.x.mu.Unlock()
		return ErrTaskTimedOut
	}
	a.Token = f.token
	op, err := put(answerKey(f.x.record.ID, f.path), a)
	if err == nil {
		err = e.journal.Write([]Op{op})
	}
	if err != nil {
		f.x.mu.Unlock()
		return fmt.Errorf("journal answer: %w", err)
	}
	f.answer = a
	f.x.mu.Unlock()
	err = e.journal.Sync()
	select {
	case f.answered <- struct{}{}:
	default:
	}
	if err != nil {
		return fmt.Errorf("journal answer: %w", err)
	}
	return nil
}

// waiting finds the frame whose task waits for a token, and returns with the
// lock of its execution held.
func (e *Engine) waiting(token string) (*frame, error) {
	id, path, secret, err := decodeToken(token)
	if err != nil {
		return nil, err
	}
	x := e.liveExecution(id)
	if x == nil {
		return nil, e.whyNotWaiting(id)
	}
	x.mu.Lock()
	f := x.frameAt(path)
	if x.ended || f == nil || f.token == "" || f.token != secret || f.isClosed() {
		x.mu.Unlock()
		return nil, ErrTaskTimedOut
	}
	return f, nil
}

// whyNotWaiting says why an execution that is not driven has no such task.
func (e *Engine) whyNotWaiting(id string) error {
	record, found, err := load[executionRecord](e.journal, spaceExecution+id)
	switch {
	case err != nil:
		return err
	case !found:
		return ErrTaskDoesNotExist
	case record.Status == StatusRunning:
		return ErrStopped
	}
	return ErrTaskTimedOut
}

// frameAt finds an open frame by its path. x.mu is held.
func (x *execution) frameAt(path string) *frame {
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
