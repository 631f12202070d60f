package projection

import (
	"errors"

	"reprise/pkg/event"
)

// MaxStateBytes bounds the state of an entity. An event that would make it
// larger parks the entity.
const MaxStateBytes = 256 << 10

// Projection turns the events of an entity into its state. It is pure: the
// same events in the same order give the same bytes, on any machine. It is
// safe for concurrent use.
type Projection interface {
	// Name is unique among the projections of a platform.
	Name() string
	// Version changes when an event that was accepted before would give
	// another state. Accepting what was rejected needs no new version.
	Version() int
	// Handles reports whether events of that type are this projection's. It
	// compares, and returns: no Watch bounds its time.
	Handles(eventType string) bool
	// Begin starts a fold from a stored state; empty is an entity's beginning.
	Begin(state []byte) (Fold, error)
}

// Fold is a fold under way. It is used by one goroutine.
type Fold interface {
	// Apply folds in one event and returns the state as JSON, at most
	// MaxStateBytes of it. The state is encoded after every event, and the next
	// one starts from what was encoded, so that the outcome is the same however
	// the events are cut into batches. An error rejects the event; the fold is
	// of no use afterwards, and what Apply returned before is the state.
	Apply(e *event.Event) ([]byte, error)
}

// What a rejection is for, beside the errors of projections themselves.
var (
	// ErrPanic marks a rejection that was a panic of the projection.
	ErrPanic = errors.New("projection panicked")
	// ErrStateTooLarge marks the rejection of an event for its result's size.
	ErrStateTooLarge = errors.New("state is too large")
	// ErrRunaway marks the rejection of an event that the projection did not
	// return from in time, by its Watch.
	ErrRunaway = errors.New("projection did not return in time")
	// ErrExit marks the rejection of an event at which the projection ended its
	// goroutine (runtime.Goexit).
	ErrExit = errors.New("projection ended its goroutine")
)

// ErrManyRunaways says that so many folds of a projection never returned that
// this process begins none with it any more. A new process does.
var ErrManyRunaways = errors.New("too many folds of the projection never returned: mend it, and start the process again")
