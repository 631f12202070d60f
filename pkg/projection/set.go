package projection

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Set is the guarded projections of a platform: whatever goes wrong in one of
// them, short of ending the process, rejects the event. It is safe for concurrent
// use.
type Set struct {
	projections []guarded
	version     string
	watch       *watch
}

// NewSet checks that names are unique and that the states of projections made by
// New survive encoding/json. If two projections handle an event type, the first
// one gets it.
func NewSet(projections ...Projection) (*Set, error) {
	s := &Set{watch: newWatch(DefaultWatch())}
	var versions []string
	seen := make(map[string]bool)
	for _, p := range projections {
		if p == nil {
			return nil, errors.New("register projection: it is nil")
		}
		if p.Name() == "" || seen[p.Name()] {
			return nil, fmt.Errorf("register projection %q: its name is empty or taken", p.Name())
		}
		if c, ok := p.(interface{ check() error }); ok {
			if err := c.check(); err != nil {
				return nil, fmt.Errorf("register projection %q: %w", p.Name(), err)
			}
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

// For returns the projection that handles an event type, nil if none does. A
// projection whose Handles panics gets the event and rejects it.
func (s *Set) For(eventType string) Projection {
	for i := range s.projections {
		handles, err := s.projections[i].handles(eventType)
		if err != nil {
			broken := s.projections[i]
			broken.broken = err
			return &broken
		}
		if handles {
			return &s.projections[i]
		}
	}
	return nil
}
