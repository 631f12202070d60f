package projection

import (
	"errors"
	"strings"
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
func (c called) Types() []string {
	return []string{c.name + ".happened"}
}

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

// An event has one projection: of two for one type, one would never see its events.
func TestAnEventTypeBelongsToOneProjection(t *testing.T) {
	count := func(n int, _ *event.Event) (int, error) { return n + 1, nil }
	sales := New("sales", 1, []string{"article.sold", "article.returned", "article.sold"}, count)
	stocks := New("stocks", 2, []string{"article.delivered", "article.sold"}, count)
	hand := called{name: "article", version: 1}
	for what, c := range map[string]struct {
		of   []Projection
		want string
	}{
		"made by New": {[]Projection{hand, sales, stocks},
			`register projections "sales" and "stocks": both handle events of type "article.sold"`},
		"made by hand": {[]Projection{New("hands", 1, []string{"article.happened"}, count), hand},
			`register projections "hands" and "article": both handle events of type "article.happened"`},
	} {
		_, err := NewSet(c.of...)
		if !errors.Is(err, ErrSharedType) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	s := newTestSet(t, sales, hand)
	for kind, want := range map[string]string{
		"article.sold": "sales", "article.returned": "sales", "article.happened": "article",
	} {
		if p := s.For(kind); p == nil || p.Name() != want {
			t.Errorf("%s: %v, want %s", kind, p, want)
		}
	}
	if p := s.For("article.delivered"); p != nil {
		t.Errorf("a type of no projection is handled by %s", p.Name())
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
