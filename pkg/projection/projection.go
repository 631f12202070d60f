package projection

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"reprise/pkg/event"
	"reprise/pkg/projection/jsonstate"
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

// New makes a projection from a function over a state of type S. apply gets the
// state so far, the zero S for a new entity, and returns the next state, or an
// error that rejects the event. It uses no clock, no randomness and no I/O; time
// comes from the event, which is a copy that apply may change.
//
// The state so far is always what the stored JSON decodes to, even between two
// events of one batch: the next event finds what encoding/json makes of a nil or
// empty slice, a number in an any, or a text that is not UTF-8. NewSet refuses a
// projection if encoding/json would leave out, or could not read back, any part
// of S.
func New[S any](name string, version int, types []string, apply func(state S, e *event.Event) (S, error)) Projection {
	p := &typed[S]{name: name, version: version, types: slices.Clone(types), apply: apply}
	if p.problem = jsonstate.Carried(reflect.TypeFor[S]()); p.problem == nil {
		p.plainness = jsonstate.PlainnessOf(reflect.TypeFor[S]())
	}
	return p
}

type typed[S any] struct {
	name    string
	version int
	types   []string
	apply   func(S, *event.Event) (S, error)
	// problem is why S does not survive encoding/json.
	problem   error
	plainness jsonstate.Plainness
}

func (p *typed[S]) Name() string    { return p.name }
func (p *typed[S]) Version() int    { return p.version }
func (p *typed[S]) Types() []string { return slices.Clone(p.types) }

// check returns why the projection cannot be registered.
func (p *typed[S]) check() error {
	if p.apply == nil {
		return errors.New("it has no function")
	}
	if p.problem != nil {
		return fmt.Errorf("its state would not come back from JSON as it was: %w; change the type", p.problem)
	}
	return nil
}

func (p *typed[S]) Begin(state []byte) (Fold, error) {
	f := &typedFold[S]{projection: p}
	if len(state) == 0 {
		return f, nil
	}
	f.encoded = state
	return f, f.decode()
}

// typedFold holds a decoded state, or the JSON of the state that apply returned.
// It does not reuse the value that apply returned, which may differ from what its
// JSON decodes to and may share memory with the state before, unless the type
// rules that out.
type typedFold[S any] struct {
	projection *typed[S]
	state      S
	// encoded has to be decoded into state before the next event; nil if state is
	// up to date.
	encoded []byte
}

func (f *typedFold[S]) decode() error {
	if f.encoded == nil {
		return nil
	}
	var state S
	if err := json.Unmarshal(f.encoded, &state); err != nil {
		return fmt.Errorf("decode state: %w", err)
	}
	f.state, f.encoded = state, nil
	return nil
}

func (f *typedFold[S]) Apply(e *event.Event) ([]byte, error) {
	if err := f.decode(); err != nil {
		return nil, err
	}
	next, err := f.projection.apply(f.state, e)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(next)
	if err != nil {
		return nil, fmt.Errorf("encode state: %w", err)
	}
	if f.projection.plainness.Exact(encoded) {
		f.state = next
	} else {
		f.encoded = encoded
	}
	return encoded, nil
}

// Reverser is a Projection that declares how events are reversed.
type Reverser interface {
	Projection
	// Reverse returns the event that undoes e, given the entity's state now: of a type
	// that the projection handles. It returns nil if the entity is to be folded again
	// without e, as for a projection that declares nothing. An error refuses to reverse
	// e. It is as pure as a fold; what is reversed already never changes with it, since
	// the reversal in the log has what it returned.
	Reverse(state []byte, e *event.Event) (*event.Inverse, error)
}

// Undo is how the events of one type are reversed, with the contract of
// Reverser.Reverse.
type Undo func(state []byte, e *event.Event) (*event.Inverse, error)

// Reversible adds to a projection how its events are reversed, by type. An event of
// another type is reversed by folding the entity again without it.
func Reversible(p Projection, undo map[string]Undo) Projection {
	return &reversible{Projection: p, undo: maps.Clone(undo)}
}

// Carried is the Undo of events that carry what undoes them, in a member of their data:
// {"type": …, "data": …}. An event without that member is reversed by folding the entity
// again without it.
func Carried(member string) Undo {
	return func(_ []byte, e *event.Event) (*event.Inverse, error) {
		var data map[string]json.RawMessage
		if json.Unmarshal([]byte(e.Data), &data) != nil || data[member] == nil {
			return nil, nil
		}
		var inverse event.Inverse
		if err := json.Unmarshal(data[member], &inverse); err != nil || inverse.Type == "" || inverse.Data == nil {
			return nil, fmt.Errorf("the member %s of its data is no type and data of an event", member)
		}
		return &inverse, nil
	}
}

type reversible struct {
	Projection
	undo map[string]Undo
}

func (r *reversible) Reverse(state []byte, e *event.Event) (*event.Inverse, error) {
	undo := r.undo[e.Type]
	if undo == nil {
		return nil, nil
	}
	return undo(state, e)
}

// check returns why the projection cannot be registered.
func (r *reversible) check() error {
	for _, kind := range slices.Sorted(maps.Keys(r.undo)) {
		if !slices.Contains(r.Types(), kind) {
			return fmt.Errorf("it declares how to reverse %q, which it does not handle", kind)
		}
	}
	if c, ok := r.Projection.(checked); ok {
		return c.check()
	}
	return nil
}

// checked is a projection that may know why it cannot be registered.
type checked interface{ check() error }
