package effects

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/effects/guard"
	"reprise/pkg/event"
	"reprise/pkg/gateway"
	"reprise/pkg/projection"
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
	resting *guard.Resting
	turns   *guard.Turns
	reveal  func(ctx context.Context, text []byte) ([]byte, error)
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
	case c.resting.Rests(r.System, now):
		return nil, fmt.Errorf("call %s: %w", r.ID(), errSilent)
	}
	giveBack, err := c.turns.Take(ctx, r.System)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w: %w", r.ID(), gateway.ErrNotSent, err)
	}
	defer giveBack()
	if now = c.now(); c.resting.Rests(r.System, now) { // since it waited for its turn
		return nil, fmt.Errorf("call %s: %w", r.ID(), errSilent)
	}
	if r.Begun.IsZero() {
		r.Begun = now.UTC()
	}
	until := now.Add(call.Limit() + claimMargin).UTC()
	r.Claimed, r.Attempts = &until, r.Attempts+1
	version, err = c.ledger.save(ctx, r, version)
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
	answer, err := c.do(limited, call, r, at)
	ended := c.now().UTC()
	declined, isDeclined := errors.AsType[*gateway.Declined](err)
	if err == nil && call.Kind == gateway.Asking && len(answer) > gateway.MaxBytes {
		err = gateway.ErrTooLarge
	}
	switch {
	case isDeclined:
		r.Status, r.Code, answer, err = Declined, declined.Status, declined.Answer, nil
	case err == nil:
		r.Status = Done
	case errors.Is(err, gateway.ErrNotSent):
		// It certainly did not happen, so even what may happen once only may be repeated.
		r.Attempts--
	}
	c.resting.Note(r.System, ended, err)
	if err != nil {
		r.Error = Brief(err)
		return err
	}
	r.Error, r.Ended = "", &ended
	if len(answer) > gateway.MaxBytes { // an update has happened all the same
		answer, r.Error = nil, gateway.ErrTooLarge.Error()
	}
	r.Answer = asJSON(answer)
	return nil
}

// do sends a body with its personal values. What has been erased cannot be sent any more:
// that is as if the system had declined it for good.
func (c *caller) do(ctx context.Context, call *gateway.Call, r *Record, at time.Time) ([]byte, error) {
	body, err := revealed(ctx, c.reveal, r.Body)
	if err != nil {
		return nil, err
	}
	return c.systems[r.System].Do(ctx, &gateway.Request{Call: call, Key: r.Key, Body: body, At: at})
}

// statusErased is the status of a call whose personal values are erased: 410, gone.
const statusErased = 410

func revealed(
	ctx context.Context, reveal func(context.Context, []byte) ([]byte, error), body []byte,
) ([]byte, error) {
	if reveal == nil {
		return body, nil
	}
	shown, err := reveal(ctx, body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrNotSent, err)
	}
	for _, gone := range []string{`{"$erased":true`, `{"$sealed":true`} {
		if bytes.Contains(shown, []byte(gone)) && !bytes.Contains(body, []byte(gone)) {
			return nil, &gateway.Declined{Status: statusErased}
		}
	}
	return shown, nil
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

// Brief is what is kept of an error: no more than a few hundred bytes.
func Brief(err error) string { return event.Excerpt(err.Error(), maxReason) }

// maxPart bounds what tells calls of one name apart, and maxCalls the calls of a reaction.
const (
	maxPart  = 128
	maxCalls = 100
)

// live is the Gateway of the live path, for one reaction.
type live struct {
	caller   *caller
	calls    gateway.Calls
	version  string
	place    Place
	reaction *gateway.Reaction
	order    int
	// failed is the first call that failed, whatever the service makes of that.
	failed *failure
}

// failure is why the reaction to an event failed, and the call that did, "" if the service
// itself failed. The event may be one that a correction released.
type failure struct {
	at   *projection.Placed
	call string
	err  error
}

var _ gateway.Gateway = (*live)(nil)

// Update implements gateway.Gateway.
func (g *live) Update(ctx context.Context, e gateway.Effect) ([]byte, error) {
	key := gateway.Key(g.reaction.Event, e.System, e.Name, e.Part)
	return g.call(ctx, gateway.Updating, e.System, e.Name, e.Part, key, e.Body)
}

// Query implements gateway.Gateway.
func (g *live) Query(ctx context.Context, q gateway.Query) ([]byte, error) {
	return g.call(ctx, gateway.Asking, q.System, q.Name, q.Part, "", q.Body)
}

func (g *live) call(
	ctx context.Context, kind gateway.Kind, system, name, part, key string, body []byte,
) ([]byte, error) {
	answer, err := g.carry(ctx, kind, system, name, part, key, body)
	if err != nil && g.failed == nil {
		g.failed = &failure{call: system + "/" + name, err: err}
	}
	return answer, err
}

func (g *live) carry(
	ctx context.Context, kind gateway.Kind, system, name, part, key string, body []byte,
) ([]byte, error) {
	g.order++
	call, err := declared(g.calls, kind, system, name, part, body, g.order)
	if err != nil {
		return nil, err
	}
	record, version, err := g.caller.ledger.load(ctx, g.place, system, name, part, 0)
	if err != nil {
		return nil, err
	}
	if version == "" {
		record = newRecord(g.place, g.reaction, call, part)
		record.Order, record.Key, record.Body, record.Version = g.order, key, body, g.version
	}
	return g.caller.carry(ctx, call, &record, version, g.reaction.At)
}

func newRecord(at Place, r *gateway.Reaction, call *gateway.Call, part string) Record {
	return Record{
		Entity:   at.Entity,
		Lane:     at.Lane,
		Position: at.Position,
		Source:   r.Event.Source,
		EventID:  r.Event.ID,
		Type:     r.Event.Type,
		System:   call.System,
		Name:     call.Name,
		Part:     part,
		Kind:     call.Kind,
		Status:   Pending,
	}
}

// declared returns the declaration of a call, or why the gateway refuses it.
func declared(
	calls gateway.Calls, kind gateway.Kind, system, name, part string, body []byte, order int,
) (*gateway.Call, error) {
	id := system + "/" + name
	call, found := calls[id]
	switch {
	case !found || call.Kind != kind:
		return nil, fmt.Errorf("call %s: %w: the service declares no such %s", id, gateway.ErrRefused, kind)
	case len(part) > maxPart:
		return nil, fmt.Errorf("call %s: %w: its part has more than %d bytes", id, gateway.ErrRefused, maxPart)
	case order > maxCalls:
		return nil, fmt.Errorf("call %s: %w: a reaction makes at most %d calls", id, gateway.ErrRefused, maxCalls)
	case len(body) > gateway.MaxBytes:
		return nil, fmt.Errorf("call %s: %w", id, gateway.ErrTooLarge)
	case len(body) > 0 && !json.Valid(body):
		return nil, fmt.Errorf("call %s: %w: its body is not JSON", id, gateway.ErrRefused)
	}
	return &call, nil
}
