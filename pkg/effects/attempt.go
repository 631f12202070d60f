package effects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/gateway"
)

var (
	// errBusy says that another worker is at the same call.
	errBusy = errors.New("another worker is at the same call")
	// errSilent says that a system has not answered several times, so that it is not
	// called for a while.
	errSilent = errors.New("the system does not answer, and is left alone for a while")
	// ErrDoubt says that it is unknown whether a call happened that may not be repeated.
	ErrDoubt = errors.New("it is unknown whether the call happened, and it may not be repeated")
)

// claimMargin is how long a claim outlasts the attempt.
const claimMargin = 10 * time.Second

// caller carries out recorded calls. It is safe for concurrent use.
type caller struct {
	ledger  Ledger
	systems gateway.Systems
	resting *resting
	now     func() time.Time
}

// carry performs the call of a record, unless it is final: the record is written before
// and after each attempt. It returns what a Gateway returns.
func (c *caller) carry(
	ctx context.Context, call *gateway.Call, r *Record, version control.Version, at time.Time,
) (json.RawMessage, error) {
	if r.Final() {
		return said(r)
	}
	now := c.now()
	switch system := c.systems[r.System]; {
	case system == nil:
		return nil, fmt.Errorf("call %s: %w: no address of the system is known here", r.ID(), gateway.ErrRefused)
	case r.Claimed != nil && now.Before(*r.Claimed):
		return nil, fmt.Errorf("call %s: %w", r.ID(), errBusy)
	case call.AtMostOnce && r.Attempts > 0:
		return nil, fmt.Errorf("call %s: %w", r.ID(), ErrDoubt)
	case c.resting.rests(r.System, now):
		return nil, fmt.Errorf("call %s: %w", r.ID(), errSilent)
	}
	if r.Begun.IsZero() {
		r.Begun = now.UTC()
	}
	until := now.Add(call.Limit() + claimMargin).UTC()
	r.Claimed, r.Attempts = &until, r.Attempts+1
	version, err := c.ledger.save(ctx, r, version)
	if err != nil {
		return nil, err
	}
	failure := c.attempt(ctx, call, r, at)
	r.Claimed = nil
	// What is known of the call is kept even if the caller has given up meanwhile.
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimMargin)
	defer cancel()
	if _, err := c.ledger.save(keep, r, version); err != nil {
		return nil, err
	}
	if failure != nil {
		return nil, fmt.Errorf("call %s: %w", r.ID(), failure)
	}
	return said(r)
}

// attempt calls the system once, and enters into the record what is known then. It returns
// an error if that is no answer.
func (c *caller) attempt(ctx context.Context, call *gateway.Call, r *Record, at time.Time) error {
	limited, cancel := context.WithTimeout(ctx, call.Limit())
	defer cancel()
	answer, err := c.systems[r.System].Do(limited, &gateway.Request{Call: call, Key: r.Key, Body: r.Body, At: at})
	ended := c.now().UTC()
	declined, isDeclined := errors.AsType[*gateway.Declined](err)
	switch {
	case isDeclined:
		r.Status, r.Code, answer, err = Declined, declined.Status, declined.Answer, nil
	case err == nil:
		r.Status = Done
	case errors.Is(err, gateway.ErrNotSent):
		// It certainly did not happen, so even what may happen once only may be repeated.
		r.Attempts--
	}
	c.resting.note(r.System, ended, err)
	if err != nil {
		r.Error = brief(err)
		return err
	}
	r.Error, r.Ended = "", &ended
	if len(answer) > gateway.MaxBytes {
		answer = nil
		r.Error = gateway.ErrTooLarge.Error()
	}
	r.Answer = asJSON(answer)
	return nil
}

// said is what a final record tells the service.
func said(r *Record) (json.RawMessage, error) {
	if r.Status == Declined {
		return nil, fmt.Errorf("call %s: %w", r.ID(), &gateway.Declined{Status: r.Code, Answer: r.Answer})
	}
	return r.Answer, nil
}

// asJSON is an answer as JSON: as it is, or as a JSON string if it is none.
func asJSON(answer []byte) json.RawMessage {
	if len(answer) == 0 || json.Valid(answer) {
		return answer
	}
	text, err := json.Marshal(string(answer))
	if err != nil {
		return nil
	}
	return text
}

// maxReason bounds the reasons of failures that are kept.
const maxReason = 300

func brief(err error) string {
	text := err.Error()
	if len(text) > maxReason {
		text = text[:maxReason] + "…"
	}
	return text
}
