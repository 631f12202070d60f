package datastoretest

import (
	"fmt"
	"slices"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// markLane is the lane of marks in tests that have a generation of their own.
const markLane = event.Lane(9)

func mark(n int) datastore.Mark {
	return datastore.Mark{
		Position: position(n),
		Logged:   int64(1_700_000_000_000 + n),
		Ordinal:  int64(n),
		Bytes:    int64(n) << 40,
		Digest:   event.Digest{Hi: 1<<63 + uint64(n), Lo: uint64(n)},
		Place:    fmt.Appendf(nil, `{"after":"<%d>", "n": 1.0}`, n),
		Ignored: &datastore.Ignored{
			Types:  []datastore.TypeCount{{Type: "account.<mistyped>", Count: int64(n)}, {Type: "b", Count: 1 << 40}},
			Others: int64(n),
		},
		Folded: &datastore.Folded{Applied: int64(n) << 33, Duplicates: int64(n), Parked: 1},
	}
}

func setMark(t conformance.T, g datastore.Generation, name datastore.MarkName, m datastore.Mark,
	previous datastore.MarkVersion,
) datastore.MarkVersion {
	t.Helper()
	version, err := g.SetMark(t.Context(), name, markLane, m, previous)
	if err != nil || version == "" {
		t.Fatalf("set mark on %q: version %q, %v", previous, version, err)
	}
	return version
}

func wantMark(t conformance.T, g datastore.Generation, name datastore.MarkName, want datastore.Mark,
	version datastore.MarkVersion,
) {
	t.Helper()
	have, at, err := g.Mark(t.Context(), name, markLane)
	if err != nil || at != version || !sameMark(have, want) {
		t.Fatalf("have mark %+v, version %q, %v; want %+v, version %q", have, at, err, want, version)
	}
}

func (s *suite) testMark(t *testing.T) {
	_, g := s.create(t)
	for _, name := range []datastore.MarkName{datastore.LiveMark, datastore.ReplayMark} {
		_, _, err := g.Mark(t.Context(), name, markLane)
		conformance.WantError(t, "mark that was never set", err, datastore.ErrNoMark)
		_, err = g.SetMark(t.Context(), name, markLane, mark(1), "no-such-version")
		conformance.WantError(t, "set mark on a version of none", err, datastore.ErrConflict)
		_, _, err = g.Mark(t.Context(), name, markLane)
		conformance.WantError(t, "mark that was not set", err, datastore.ErrNoMark)
		first := setMark(t, g, name, mark(1), "")
		wantMark(t, g, name, mark(1), first)
		for _, previous := range []datastore.MarkVersion{"", "no-such-version"} {
			_, err = g.SetMark(t.Context(), name, markLane, mark(2), previous)
			conformance.WantError(t, "set mark on another version", err, datastore.ErrConflict)
		}
		wantMark(t, g, name, mark(1), first)
		second := setMark(t, g, name, datastore.Mark{}, first)
		wantMark(t, g, name, datastore.Mark{}, second)
		_, err = g.SetMark(t.Context(), name, markLane, mark(3), first)
		conformance.WantError(t, "set mark on an old version", err, datastore.ErrConflict)
		wantMark(t, g, name, datastore.Mark{}, second)
	}
}

// testMarkCopies checks that the store and its callers share no memory.
func (s *suite) testMarkCopies(t *testing.T) {
	_, g := s.create(t)
	given := mark(1)
	version := setMark(t, g, datastore.LiveMark, given, "")
	given.Place[0] = 'X'
	for range 2 {
		wantMark(t, g, datastore.LiveMark, mark(1), version)
		have, _, err := g.Mark(t.Context(), datastore.LiveMark, markLane)
		must(t, err)
		have.Place[0] = 'X'
	}
}

func (s *suite) testMarkVersions(t *testing.T) {
	_, g := s.create(t)
	var used []datastore.MarkVersion
	version := datastore.MarkVersion("")
	for range 6 { // the same mark, each time another version
		version = setMark(t, g, datastore.LiveMark, mark(1), version)
		if slices.Contains(used, version) {
			t.Fatalf("version %q was used before", version)
		}
		for _, old := range used {
			_, err := g.SetMark(t.Context(), datastore.LiveMark, markLane, mark(2), old)
			conformance.WantError(t, "set mark on an old version", err, datastore.ErrConflict)
		}
		used = append(used, version)
	}
	wantMark(t, g, datastore.LiveMark, mark(1), version)
}

func (s *suite) testOneSetsMark(t *testing.T) {
	_, g := s.create(t)
	previous := datastore.MarkVersion("")
	for round := range 5 {
		versions := make([]datastore.MarkVersion, writers)
		results := conformance.Race(writers, func(i int) (err error) {
			versions[i], err = g.SetMark(t.Context(), datastore.ReplayMark, markLane, mark(10*round+i), previous)
			return err
		})
		won := conformance.Winner(t, results, datastore.ErrConflict)
		wantMark(t, g, datastore.ReplayMark, mark(10*round+won), versions[won])
		previous = versions[won]
	}
}
