package projection

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Set is all projections of a platform, guarded: whatever one of them does to an
// event, short of ending the process, is a rejection of that event. It is safe
// for concurrent use.
type Set struct {
	projections []guarded
	version     string
	watch       *watch
}

// NewSet checks that names are unique and that encoding/json carries the states
// of the projections that New made. An event type that two projections handle
// goes to the first.
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
	return s.under(nil), nil
}

// Watched returns the set with another watch than DefaultWatch, and with no
// memory of runaways.
func (s *Set) Watched(w Watch) *Set {
	other := *s
	other.watch = newWatch(w)
	return other.under(nil)
}

// under returns the set for the use of one attempt, with its pulse.
func (s *Set) under(p *pulse) *Set {
	other := *s
	other.projections = slices.Clone(s.projections)
	for i := range other.projections {
		other.projections[i].watch, other.projections[i].pulse = s.watch, p
	}
	return &other
}

// Version names the set: the names and versions of its projections. A
// generation belongs to one version.
func (s *Set) Version() string { return s.version }

// For returns the projection of an event type, nil where none wants it. One
// that panics when asked gets the event, and rejects it.
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
