package gateway

import (
	"context"
	"encoding/json"
	"time"

	"reprise/pkg/event"
)

// Service is business logic with effects: it reacts to events, each at least once and an
// entity's in order, in effect once. Like a projection it uses no clock, no randomness, no
// network and no state of its own: it reaches the outside through its Gateway only, and
// makes the same calls for the same reaction and answers. Methods are safe for concurrent
// use.
type Service interface {
	// Name is for people; it does not change.
	Name() string
	// Version changes with the code, and is recorded with every call.
	Version() int
	// Types are the types of the events that it reacts to, of those that happened: not to
	// duplicates, and not to those at which the entity is parked, or that wait behind one.
	// A type that no projection handles may be among them. The reversal of an event of type
	// X has the type X.reversed.
	Types() []string
	// Calls declares what it may call.
	Calls() []Call
	// React reacts to one event. After an error it is called again for the same event, with
	// growing intervals, until the entity's effects are parked; other entities go on. What
	// it called before is not repeated then.
	React(ctx context.Context, r *Reaction, outside Gateway) error
}

// Reaction is what a service reacts to. It is the same live and in every replay, but for
// Replay, on which no call may depend.
type Reaction struct {
	Event    *event.Event
	Position event.Position
	// Before and After are the entity's state before and after the event, empty where it
	// has none.
	Before, After json.RawMessage
	// Projection is the name of the projection whose states these are.
	Projection string
	// Replay is "" for the live path, else the replay that collects effects.
	Replay string
	// At is when the event was logged: the latest time that the reaction can know of.
	At time.Time
}

// Request is a call as a system gets it.
type Request struct {
	Call *Call
	// Key is the idempotency key of an update, "" for a query.
	Key  string
	Body []byte
	// At is the time that a query with Call.AsOf is asked about.
	At time.Time
}

// System carries calls out. Implementations are adapters, and safe for concurrent use.
type System interface {
	// Do performs an update, or answers a query, and returns the answer. It returns a
	// *Declined if the system's answer is final and not the wished for. After any other
	// error it is repeated, with the same key.
	Do(ctx context.Context, r *Request) (answer []byte, err error)
}

// Systems are the systems that can be reached from here, by name.
type Systems map[string]System
