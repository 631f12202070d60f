package projection

import (
	"errors"

	"reprise/pkg/event"
)

// MaxStateBytes bounds the state of an entity; an event that would exceed it parks
// the entity.
const MaxStateBytes = 256 << 10

// Projection folds the events of an entity into its state. It is pure: the same
// events in the same order give the same bytes, on any machine. It is safe for
// concurrent use.
type Projection interface {
	// Name is unique among the projections of a platform.
	Name() string
	// Version changes whenever an event that was accepted before would lead to
	// a different state. Accepting what was rejected needs no new version. Package
	// codecheck notices a change that was forgotten.
	Version() int
	// Types lists the types of the events that the projection handles. It is read
	// once, by NewSet.
	Types() []string
	// Begin starts a fold from a stored state, which is empty for a new entity.
	Begin(state []byte) (Fold, error)
}

// Fold is a fold in progress. It is used by one goroutine.
type Fold interface {
	// Apply folds in one event and returns the state as JSON of at most
	// MaxStateBytes. The state is encoded after every event, and the next event
	// starts from the encoded state, so that the result does not depend on how
	// events are cut into batches. An error rejects the event: the state is what
	// Apply returned before, and the fold must not be used again.
	Apply(e *event.Event) ([]byte, error)
}

// Causes of rejections, beside the errors of projections themselves.
var (
	// ErrPanic marks the rejection of an event at which the projection panicked.
	ErrPanic = errors.New("projection panicked")
	// ErrStateTooLarge marks the rejection of an event that makes the state too
	// large.
	ErrStateTooLarge = errors.New("state is too large")
	// ErrRunaway marks the rejection of an event from which the projection did
	// not return within the limit of the Watch.
	ErrRunaway = errors.New("projection did not return in time")
	// ErrExit marks the rejection of an event at which the projection ended its
	// goroutine (runtime.Goexit).
	ErrExit = errors.New("projection ended its goroutine")
)

// ErrManyRunaways says that so many folds of a projection never returned that this
// process starts no more of them. A new process does.
var ErrManyRunaways = errors.New("too many folds of the projection never returned: correct it, and restart the process")
