package projection

import (
	"testing"

	"reprise/pkg/event"
)

// called is a projection with a given name that does nothing.
type called struct {
	guardless
	name    string
	version int
}

func (c called) Name() string { return c.name }
func (c called) Version() int { return c.version }

// TestVersionNamesAllProjections checks that a set's version names every
// projection with its version, in any order: a generation belongs to such a
// version.
func TestVersionNamesAllProjections(t *testing.T) {
	for want, of := range map[string][]Projection{
		"":              nil,
		"a@1":           {called{name: "a", version: 1}},
		"a@2":           {called{name: "a", version: 2}},
		"a@1,b@12,c@3":  {called{name: "b", version: 12}, called{name: "c", version: 3}, called{name: "a", version: 1}},
		"a@1,ab@1,b@12": {called{name: "b", version: 12}, called{name: "ab", version: 1}, called{name: "a", version: 1}},
	} {
		s := newTestSet(t, of...)
		if s.Version() != want || s.Watched(DefaultWatch()).Version() != want || NewApplier(s, nil).Version() != want {
			t.Errorf("version %q, want %q", s.Version(), want)
		}
	}
}

// An entity belongs to a projection by the projection's name.
func TestNamesAreUniqueAndNotEmpty(t *testing.T) {
	for what, of := range map[string][]Projection{
		"empty": {called{name: "a"}, called{name: ""}},
		"taken": {called{name: "a", version: 1}, called{name: "b"}, called{name: "a", version: 2}},
	} {
		if _, err := NewSet(of...); err == nil {
			t.Errorf("a name that is %s is accepted", what)
		}
	}
}

// What one attempt folds shows in its own pulse and in no other.
func TestAttemptsSideBySideAreWatchedApart(t *testing.T) {
	s := newTestSet(t, guardless{})
	first, second := &pulse{}, &pulse{}
	of := s.withPulse(first)
	s.withPulse(second)
	fold, err := of.For("it.happened").Begin(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fold.Apply(&event.Event{}); err != nil {
		t.Fatal(err)
	}
	if first.beats.Load() != 2 || second.beats.Load() != 0 {
		t.Errorf("%d and %d beats, want 2 and none", first.beats.Load(), second.beats.Load())
	}
}
