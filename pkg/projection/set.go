package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"reprise/pkg/event"
)

// Set is the guarded projections of a platform: whatever goes wrong in one of
// them, short of ending the process, rejects the event. It is safe for concurrent
// use.
type Set struct {
	projections []guarded
	// byType has the index of the projection that handles a type of events.
	byType  map[string]int
	version string
	watch   *watch
}

// NewSet checks that names are unique, that at most one projection handles each
// event type (ErrSharedType), and that the states of projections made by New
// survive encoding/json.
func NewSet(projections ...Projection) (*Set, error) {
	s := &Set{watch: newWatch(DefaultWatch()), byType: make(map[string]int)}
	var versions []string
	seen := make(map[string]bool)
	for _, p := range projections {
		if p == nil {
			return nil, errors.New("register projection: it is nil")
		}
		if p.Name() == "" || seen[p.Name()] {
			return nil, fmt.Errorf("register projection %q: its name is empty or taken", p.Name())
		}
		if c, ok := p.(checked); ok {
			if err := c.check(); err != nil {
				return nil, fmt.Errorf("register projection %q: %w", p.Name(), err)
			}
		}
		if err := s.assign(p); err != nil {
			return nil, err
		}
		seen[p.Name()] = true
		version := fmt.Sprintf("%s@%d", p.Name(), p.Version())
		versions = append(versions, version)
		s.projections = append(s.projections, guarded{Projection: p, version: version})
	}
	slices.Sort(versions)
	s.version = strings.Join(versions, ",")
	return s.withPulse(nil), nil
}

// ErrSharedType says that two projections handle the same event type. An event has
// one projection: change the types of one of the two.
var ErrSharedType = errors.New("an event type belongs to one projection")

// assign gives the next projection its event types.
func (s *Set) assign(p Projection) error {
	next := len(s.projections)
	for _, kind := range p.Types() {
		if first, taken := s.byType[kind]; taken && first != next {
			return fmt.Errorf("register projections %q and %q: both handle events of type %q: %w",
				s.projections[first].Name(), p.Name(), kind, ErrSharedType)
		}
		s.byType[kind] = next
	}
	return nil
}

// Watched returns the set with a watch other than DefaultWatch and no known
// runaways.
func (s *Set) Watched(w Watch) *Set {
	other := *s
	other.watch = newWatch(w)
	return other.withPulse(nil)
}

// withPulse returns the set for one attempt, which reports to its pulse.
func (s *Set) withPulse(p *pulse) *Set {
	other := *s
	other.projections = slices.Clone(s.projections)
	for i := range other.projections {
		other.projections[i].watch, other.projections[i].pulse = s.watch, p
	}
	return &other
}

// Version lists the names and versions of the set's projections. A generation
// belongs to one version.
func (s *Set) Version() string { return s.version }

// For returns the projection that handles an event type, nil if none does.
func (s *Set) For(eventType string) Projection {
	at, found := s.byType[eventType]
	if !found {
		return nil
	}
	return &s.projections[at]
}

// reverse asks the projection that handles an event what undoes it. Whatever goes wrong in
// the projection is an error.
func (s *Set) reverse(ctx context.Context, state []byte, e *event.Event) (inverse *event.Inverse, err error) {
	err = s.attempt(ctx, func(ctx context.Context) error {
		at, found := s.byType[e.Type]
		if !found {
			return nil
		}
		made, err := s.watchedIn(ctx).projections[at].reverse(state, e)
		inverse = made
		return err
	})
	return inverse, err
}
