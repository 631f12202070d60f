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
	// ErrOvertaken says that a call was corrected on behalf of another replay since it was
	// compared. A retry cannot help: a new replay compares anew.
	ErrOvertaken = errors.New("the call was corrected by another replay since it was compared")
	// ErrNoCompensation says that nothing undoes an update. A retry cannot help.
	ErrNoCompensation = errors.New("the service declares no compensation for the call, so it cannot be undone")
	// ErrUndeclared says that the service no longer declares a call.
	ErrUndeclared = errors.New("the service does not declare the call")
)

// Correct carries out an approved difference: what was sent and should not have been is
// undone by the declared compensation, and what should have been sent is sent, each once,
// however often it is called. An update that was sent otherwise and has no compensation is
// sent again as it should have been, with a key of its own. It returns what was done, also
// with an error; an error that is none of those above, and no *gateway.Declined, may pass.
func (r *Reactor) Correct(ctx context.Context, replay, by string, e *Entry) (sent, undone bool, err error) {
	call, found := r.calls[e.ID()]
	if !found || call.Kind != gateway.Updating {
		return false, false, fmt.Errorf("call %s: %w", e.ID(), ErrUndeclared)
	}
	c := correction{Reactor: r, replay: replay, by: by, entry: e, call: &call}
	if e.Class == Missing && call.Compensation == "" {
		return false, false, fmt.Errorf("call %s: %w", e.ID(), ErrNoCompensation)
	}
	if err := c.current(ctx); err != nil {
		return false, false, err
	}
	if call.Compensation != "" && (e.Class == Missing || e.Class == Changed) {
		if err := c.undo(ctx); err != nil {
			return false, false, err
		}
		undone = true
	}
	if e.Class == Missing {
		return false, undone, c.mark(ctx)
	}
	if err := c.send(ctx); err != nil {
		return false, undone, err
	}
	return true, undone, nil
}

// correction is the work on one difference.
type correction struct {
	*Reactor
	replay, by string
	entry      *Entry
	call       *gateway.Call
}

// turn is the turn of the records of this correction.
func (c *correction) turn() int { return c.entry.Turn + 1 }

// current returns ErrOvertaken if another replay has corrected the call since.
func (c *correction) current(ctx context.Context) error {
	e := c.entry
	now, version, err := c.Ledger.load(ctx, e.place(), e.System, e.Name, e.Part, c.turn())
	if err == nil && version != "" && now.Replay != c.replay {
		err = fmt.Errorf("call %s: %w", e.ID(), ErrOvertaken)
	}
	return err
}

// undo calls the compensation of what was sent.
func (c *correction) undo(ctx context.Context) error {
	e := c.entry
	body, err := json.Marshal(gateway.Compensated{Key: e.Key, Body: e.Sent, Answer: e.Answer})
	if err != nil {
		return fmt.Errorf("encode compensation: %w", err)
	}
	call, found := c.calls[e.System+"/"+c.call.Compensation]
	if !found {
		return fmt.Errorf("call %s/%s: %w", e.System, c.call.Compensation, ErrUndeclared)
	}
	return c.carryOut(ctx, &call, "undo", body)
}

// send sends what should have been sent. What was never sent keeps its own key.
func (c *correction) send(ctx context.Context) error {
	return c.carryOut(ctx, c.call, "send", c.entry.Wanted)
}

func (c *correction) carryOut(ctx context.Context, call *gateway.Call, step string, body json.RawMessage) error {
	e := c.entry
	record, version, err := c.Ledger.load(ctx, e.place(), call.System, call.Name, e.Part, c.turn())
	if err != nil {
		return err
	}
	if version == "" {
		record = c.record(call)
		record.Body, record.Undoes, record.Key = body, step == "undo", e.Key
		if e.Turn >= 0 {
			record.Key = gateway.CorrectionKey(e.Key, c.replay, step)
		}
	}
	_, err = c.caller.carry(ctx, call, &record, version, time.Time{})
	return err
}

// mark records that an update was undone, and not sent again.
func (c *correction) mark(ctx context.Context) error {
	record := c.record(c.call)
	now := c.Now().UTC()
	record.Status, record.Body, record.Begun, record.Ended = Undone, c.entry.Sent, now, &now
	_, err := c.Ledger.save(ctx, &record, "")
	if errors.Is(err, errMoved) {
		return nil // it was marked before
	}
	return err
}

func (c *correction) record(call *gateway.Call) Record {
	e := c.entry
	return Record{
		Entity:   e.Entity,
		Lane:     e.Lane,
		Position: e.Position,
		Source:   e.Source,
		EventID:  e.EventID,
		Type:     e.Type,
		System:   call.System,
		Name:     call.Name,
		Part:     e.Part,
		Kind:     call.Kind,
		Order:    e.Order,
		Turn:     c.turn(),
		Status:   Pending,
		Version:  c.Reactor.Version(),
		Replay:   c.replay,
		By:       c.by,
	}
}

// Settle changes what became of an approved difference, and returns the entry.
func (l Ledger) Settle(ctx context.Context, replay string, e *Entry, change func(*Settled)) error {
	now, err := control.Update(ctx, l.Table, e.key(replay), func(stored *Entry, exists bool) error {
		if !exists {
			return fmt.Errorf("settle difference of effects: %w", control.ErrNotFound)
		}
		if stored.Approved == nil {
			stored.Approved = &Settled{}
		}
		change(stored.Approved)
		return nil
	})
	if err == nil {
		*e = now
	}
	return err
}
