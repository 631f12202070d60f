package projection

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

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
	// Handles reports whether events of that type are this projection's.
	Handles(eventType string) bool
	// Begin starts a fold from a stored state; empty is an entity's beginning.
	Begin(state []byte) (Fold, error)
}

// Fold is a fold under way. It is used by one goroutine.
type Fold interface {
	// Apply folds in one event and returns the state as JSON, at most
	// MaxStateBytes of it. The state is encoded after every event, so that what
	// is too large is judged event by event, however the events are cut into
	// batches. An error rejects the event; the fold is of no use afterwards,
	// and what Apply returned before is the state.
	Apply(e *event.Event) ([]byte, error)
}

// New makes a projection from a function over a state of type S, which
// encoding/json must be able to carry. apply gets the state so far, the zero S
// at an entity's beginning, and returns the next one or an error that rejects
// the event. It has no clock, no randomness and no I/O; time comes from the
// event.
func New[S any](name string, version int, types []string, apply func(state S, e *event.Event) (S, error)) Projection {
	return &typed[S]{name: name, version: version, types: slices.Clone(types), apply: apply}
}

type typed[S any] struct {
	name    string
	version int
	types   []string
	apply   func(S, *event.Event) (S, error)
}

func (p *typed[S]) Name() string             { return p.name }
func (p *typed[S]) Version() int             { return p.version }
func (p *typed[S]) Handles(kind string) bool { return slices.Contains(p.types, kind) }

func (p *typed[S]) Begin(state []byte) (Fold, error) {
	f := &typedFold[S]{projection: p}
	if len(state) > 0 {
		if err := json.Unmarshal(state, &f.state); err != nil {
			return nil, fmt.Errorf("decode state: %w", err)
		}
	}
	return f, nil
}

type typedFold[S any] struct {
	projection *typed[S]
	state      S
}

func (f *typedFold[S]) Apply(e *event.Event) ([]byte, error) {
	next, err := f.guarded(e)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(next)
	if err != nil {
		return nil, fmt.Errorf("encode state: %w", err)
	}
	if len(encoded) > MaxStateBytes {
		return nil, fmt.Errorf("%w: it would take %d bytes of at most %d", ErrStateTooLarge, len(encoded), MaxStateBytes)
	}
	f.state = next
	return encoded, nil
}

var (
	// ErrPanic marks a rejection that was a panic of the projection.
	ErrPanic = errors.New("projection panicked")
	// ErrStateTooLarge marks the rejection of an event for its result's size.
	ErrStateTooLarge = errors.New("state is too large")
)

func (f *typedFold[S]) guarded(e *event.Event) (next S, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%w: %v", ErrPanic, cause)
		}
	}()
	return f.projection.apply(f.state, e)
}

// Set is all projections of a platform. It is safe for concurrent use.
type Set struct {
	projections []Projection
	version     string
}

// NewSet checks that names are unique. An event type that two projections
// handle goes to the first.
func NewSet(projections ...Projection) (*Set, error) {
	s := &Set{projections: slices.Clone(projections)}
	var versions []string
	seen := make(map[string]bool)
	for _, p := range projections {
		if p.Name() == "" || seen[p.Name()] {
			return nil, fmt.Errorf("register projection %q: its name is empty or taken", p.Name())
		}
		seen[p.Name()] = true
		versions = append(versions, fmt.Sprintf("%s@%d", p.Name(), p.Version()))
	}
	slices.Sort(versions)
	s.version = strings.Join(versions, ",")
	return s, nil
}

// Version names the set: the names and versions of its projections. A
// generation belongs to one version.
func (s *Set) Version() string { return s.version }

// For returns the projection of an event type, nil where none wants it.
func (s *Set) For(eventType string) Projection {
	for _, p := range s.projections {
		if p.Handles(eventType) {
			return p
		}
	}
	return nil
}
