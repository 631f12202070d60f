package effects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"reprise/pkg/effects/guard"
	"reprise/pkg/event"
	"reprise/pkg/gateway"
)

// collecting is the Gateway of a replay, for one reaction. Nothing is sent through it but
// queries that declare AsOf: it notes what would be sent, and answers as it was answered.
type collecting struct {
	calls    gateway.Calls
	systems  gateway.Systems
	reveal   func(ctx context.Context, text []byte) ([]byte, error)
	born     map[string]event.Position
	place    Place
	reaction *gateway.Reaction
	// recorded are the latest records of the event's calls, by call and part.
	recorded map[string]*Record
	entries  []Entry
	called   map[string]bool
	order    int
}

var _ gateway.Gateway = (*collecting)(nil)

func callOf(system, name, part string) string { return system + "/" + name + "/" + part }

// Update implements gateway.Gateway. An update that was never sent answers nothing.
func (g *collecting) Update(_ context.Context, e gateway.Effect) ([]byte, error) {
	g.order++
	call, err := declared(g.calls, gateway.Updating, e.System, e.Name, e.Part, e.Body, g.order)
	if err != nil {
		return nil, err
	}
	id := callOf(e.System, e.Name, e.Part)
	if g.called[id] { // it answers again as it did
		return g.answered(id)
	}
	g.called[id] = true
	entry := g.entry(call, e.Part)
	entry.Wanted, entry.Key = e.Body, gateway.Key(g.reaction.Event, e.System, e.Name, e.Part)
	entry.Class = g.classOf(call, &entry)
	g.entries = append(g.entries, entry)
	return g.answered(id)
}

func (g *collecting) answered(id string) ([]byte, error) {
	r := g.recorded[id]
	if r == nil || !r.Final() || r.Status == Undone {
		return nil, nil
	}
	return said(r)
}

// classOf compares an update with its record, which it enters.
func (g *collecting) classOf(call *gateway.Call, e *Entry) Class {
	r := g.recorded[callOf(e.System, e.Name, e.Part)]
	switch {
	case r == nil && g.unborn(call):
		return Silent
	case r == nil:
		return Surplus
	}
	e.Turn = r.Turn
	switch {
	case r.Status == Undone:
		return Surplus
	case !r.Final():
		e.Reason = "the live call has no answer yet"
		return Undecided
	}
	e.Key, e.Sent, e.Answer = r.Key, r.Body, r.Answer
	if r.Same(e.Wanted) {
		return Same
	}
	return Changed
}

// unborn reports whether a call did not exist when the event happened: the effects log
// knows since when it does.
func (g *collecting) unborn(call *gateway.Call) bool {
	since, known := g.born[call.ID()]
	return !known || g.place.Position <= since
}

// about is an entry of the event that is reacted to, without a call.
func (g *collecting) about() Entry {
	e := g.reaction.Event
	return Entry{
		Entity:   g.place.Entity,
		Lane:     g.place.Lane,
		Position: g.place.Position,
		Source:   e.Source,
		EventID:  e.ID,
		Type:     e.Type,
		Turn:     -1,
	}
}

func (g *collecting) entry(call *gateway.Call, part string) Entry {
	entry := g.about()
	entry.System, entry.Name, entry.Part, entry.Order = call.System, call.Name, part, g.order
	return entry
}

// unanswered is the entry of a reaction that could not end.
func (g *collecting) unanswered(why error) Entry {
	entry := g.about()
	entry.Class, entry.Reason = Unanswered, Brief(why)
	return entry
}

// Query implements gateway.Gateway: it returns the recorded answer if the question is the
// recorded one.
func (g *collecting) Query(ctx context.Context, q gateway.Query) ([]byte, error) {
	g.order++
	call, err := declared(g.calls, gateway.Asking, q.System, q.Name, q.Part, q.Body, g.order)
	if err != nil {
		return nil, err
	}
	r := g.recorded[callOf(q.System, q.Name, q.Part)]
	switch {
	case r != nil && r.Final() && r.Same(q.Body):
		return said(r)
	case call.AsOf:
		return g.ask(ctx, call, q.Body)
	case call.Default != nil && g.unborn(call):
		return call.Default, nil
	}
	return nil, fmt.Errorf("call %s: %w", call.ID(), gateway.ErrNoAnswer)
}

// errOutside marks an error of a query that is asked again: a retry may help.
var errOutside = errors.New("the system was asked about the past")

func (g *collecting) ask(ctx context.Context, call *gateway.Call, body json.RawMessage) ([]byte, error) {
	system := g.systems[call.System]
	if system == nil {
		return nil, fmt.Errorf("call %s: %w: no address of the system is known here", call.ID(), gateway.ErrRefused)
	}
	ctx, cancel := context.WithTimeout(ctx, call.Limit())
	defer cancel()
	shown, err := revealed(ctx, g.reveal, body)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w: %w", call.ID(), errOutside, err)
	}
	answer, err := system.Do(ctx, &gateway.Request{Call: call, Body: shown, At: g.reaction.At})
	if _, declined := errors.AsType[*gateway.Declined](err); err != nil && !declined {
		return nil, fmt.Errorf("call %s: %w: %w", call.ID(), errOutside, err)
	}
	if err == nil && len(answer) > gateway.MaxBytes {
		return nil, fmt.Errorf("call %s: %w", call.ID(), gateway.ErrTooLarge)
	}
	return asJSON(answer), err
}

// Foresee returns the updates that the service would make for an event that is not in the
// log yet, and why there may be others: no system is asked.
func (r *Reactor) Foresee(ctx context.Context, reaction *gateway.Reaction) (
	wanted []Entry, unknown string, err error,
) {
	if !r.types[reaction.Event.Type] {
		return nil, "", nil
	}
	g := &collecting{
		calls:    r.calls,
		born:     make(map[string]event.Position, len(r.calls)),
		place:    Place{Entity: reaction.Event.Subject, Position: "next"},
		reaction: reaction,
		called:   make(map[string]bool),
	}
	for id := range r.calls {
		g.born[id] = ""
	}
	err = r.guard.React(ctx, r.Service, reaction, g)
	switch {
	case ctx.Err() != nil:
		return nil, "", context.Cause(ctx)
	case errors.Is(err, guard.ErrManyRunaways):
		return nil, "", err
	case errors.Is(err, guard.ErrRunaway): // it goes on, and must not be looked into
		return nil, Brief(err), nil
	case err != nil:
		unknown = Brief(err)
	}
	return g.entries, unknown, nil
}

// left are the recorded updates that the reaction did not make.
func (g *collecting) left(class Class, reason string) []Entry {
	var entries []Entry
	for id, r := range g.recorded {
		if g.called[id] || r.Kind != gateway.Updating || r.Status == Undone || r.Undoes || !r.Final() {
			continue
		}
		entry := entryOf(r)
		entry.Class, entry.Reason = class, reason
		entries = append(entries, entry)
	}
	return entries
}

func entryOf(r *Record) Entry {
	return Entry{
		Entity:   r.Entity,
		Lane:     r.Lane,
		Position: r.Position,
		Source:   r.Source,
		EventID:  r.EventID,
		Type:     r.Type,
		System:   r.System,
		Name:     r.Name,
		Part:     r.Part,
		Turn:     r.Turn,
		Order:    r.Order,
		Key:      r.Key,
		Sent:     r.Body,
		Answer:   r.Answer,
	}
}
