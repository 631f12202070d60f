package datastoretest

import (
	"context"
	"slices"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/datastore"
)

func (s *suite) testGenerations(t *testing.T) {
	id, g := s.create(t)
	lane := s.lane()
	if rows, err := g.Scan(t.Context(), lane, "", 10); err != nil || len(rows) > 0 {
		t.Fatalf("a new generation has %d rows, %v", len(rows), err)
	}
	_, _, err := g.Mark(t.Context(), datastore.LiveMark, lane)
	conformance.WantError(t, "mark of a new generation", err, datastore.ErrNoMark)
	kept := row("a", 1)
	write(t, g, lane, "", kept)
	version := setMark(t, g, datastore.LiveMark, mark(1), "")
	must(t, s.all.Create(t.Context(), id))
	wantRows(t, g, lane, []string{"a"}, kept)
	wantMark(t, g, datastore.LiveMark, mark(1), version)
	// Opening twice opens the same table.
	wantRows(t, s.all.Open(id), lane, []string{"a"}, kept)
	s.wantListed(t, id, true)
	s.wantListed(t, s.id, true)
	if size, err := s.all.Size(t.Context(), id); err != nil || size < 0 {
		t.Fatalf("a generation takes %d bytes, %v", size, err)
	}
}

func (s *suite) wantListed(t *testing.T, id string, want bool) {
	t.Helper()
	ids, err := s.all.List(t.Context())
	must(t, err)
	if !slices.IsSorted(ids) || slices.Contains(ids, id) != want {
		t.Fatalf("list %q, want %s in it: %t", ids, id, want)
	}
}

func (s *suite) testMissing(t *testing.T) {
	id := s.Name()
	s.wantMissing(t, id)
	must(t, s.all.Drop(t.Context(), id))
	s.wantListed(t, id, false)
}

func (s *suite) wantMissing(t *testing.T, id string) {
	t.Helper()
	g, lane := s.all.Open(id), s.lane()
	_, err := g.Rows(t.Context(), lane, []string{"a"})
	conformance.WantError(t, "rows", err, datastore.ErrNoGeneration)
	_, err = g.WriteRows(t.Context(), lane, []datastore.RowWrite{{Row: row("a", 1)}})
	conformance.WantError(t, "write rows", err, datastore.ErrNoGeneration)
	_, err = g.Identify(t.Context(), lane, []datastore.Identity{identity("a", 1, 1)})
	conformance.WantError(t, "identify", err, datastore.ErrNoGeneration)
	_, err = g.Scan(t.Context(), lane, "", 1)
	conformance.WantError(t, "scan", err, datastore.ErrNoGeneration)
	_, err = g.Parked(t.Context(), lane, "", 1)
	conformance.WantError(t, "parked", err, datastore.ErrNoGeneration)
	_, _, err = g.Mark(t.Context(), datastore.LiveMark, lane)
	conformance.WantError(t, "mark", err, datastore.ErrNoGeneration)
	_, err = g.SetMark(t.Context(), datastore.LiveMark, lane, mark(1), "")
	conformance.WantError(t, "set mark", err, datastore.ErrNoGeneration)
	conformance.WantError(t, "clear", s.all.Clear(t.Context(), id), datastore.ErrNoGeneration)
	_, err = s.all.Size(t.Context(), id)
	conformance.WantError(t, "size", err, datastore.ErrNoGeneration)
}

func (s *suite) testClear(t *testing.T) {
	id, g := s.create(t)
	lane, other := s.lane(), s.lane()
	write(t, g, lane, "", row("a", 1), row("b", 1))
	write(t, g, other, "", row("c", 1))
	old := setMark(t, g, datastore.ReplayMark, mark(1), "")
	for range 2 {
		must(t, s.all.Clear(t.Context(), id))
	}
	wantRows(t, g, lane, []string{"a", "b"})
	wantRows(t, g, other, []string{"c"})
	_, _, err := g.Mark(t.Context(), datastore.ReplayMark, markLane)
	conformance.WantError(t, "mark of a cleared generation", err, datastore.ErrNoMark)
	_, err = g.SetMark(t.Context(), datastore.ReplayMark, markLane, mark(2), old)
	conformance.WantError(t, "set mark on a version from before the clear", err, datastore.ErrConflict)
	if tryWrite(t, g, lane, row("a", 2), position(1)) {
		t.Fatal("wrote a row on a position from before the clear")
	}
	s.wantListed(t, id, true)
	// It can be filled again, and no version is reused.
	write(t, g, lane, "", row("a", 3))
	if again := setMark(t, g, datastore.ReplayMark, mark(1), ""); again == old {
		t.Fatalf("mark version %q was reused", again)
	}
	_, err = g.SetMark(t.Context(), datastore.ReplayMark, markLane, mark(2), old)
	conformance.WantError(t, "set mark on a version from before the clear", err, datastore.ErrConflict)
	wantRows(t, g, lane, []string{"a", "b"}, row("a", 3))
}

func (s *suite) testDrop(t *testing.T) {
	id, g := s.create(t)
	lane := s.lane()
	write(t, g, lane, "", row("a", 1))
	old := setMark(t, g, datastore.LiveMark, mark(1), "")
	for range 2 {
		must(t, s.all.Drop(t.Context(), id))
	}
	s.wantMissing(t, id)
	s.wantListed(t, id, false)
	must(t, s.all.Create(t.Context(), id))
	wantRows(t, g, lane, []string{"a"})
	if again := setMark(t, g, datastore.LiveMark, mark(1), ""); again == old {
		t.Fatalf("mark version %q was reused", again)
	}
}

// testIsolation uses ids of which one is a prefix of the other.
func (s *suite) testIsolation(t *testing.T) {
	id, first := s.create(t)
	longer := id + "0"
	must(t, s.all.Create(t.Context(), longer))
	second := s.all.Open(longer)
	lane, other := s.lane(), s.lane()
	write(t, first, lane, "", row("a", 1))
	write(t, first, other, "", row("a", 2))
	write(t, second, lane, "", row("a", 3))
	version := setMark(t, first, datastore.LiveMark, mark(1), "")
	_, _, err := second.Mark(t.Context(), datastore.LiveMark, markLane)
	conformance.WantError(t, "mark of another generation", err, datastore.ErrNoMark)
	_, _, err = first.Mark(t.Context(), datastore.ReplayMark, markLane)
	conformance.WantError(t, "mark of another name", err, datastore.ErrNoMark)
	_, _, err = first.Mark(t.Context(), datastore.LiveMark, markLane+1)
	conformance.WantError(t, "mark of another lane", err, datastore.ErrNoMark)
	wantRows(t, first, lane, []string{"a"}, row("a", 1))
	wantRows(t, first, other, []string{"a"}, row("a", 2))
	wantRows(t, second, lane, []string{"a"}, row("a", 3))
	must(t, s.all.Clear(t.Context(), longer))
	must(t, s.all.Drop(t.Context(), longer))
	wantRows(t, first, lane, []string{"a"}, row("a", 1))
	wantMark(t, first, datastore.LiveMark, mark(1), version)
}

func (s *suite) testCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	lane, missing := s.lane(), s.Name()
	kept := row("a", 1)
	write(t, s.shared, lane, "", kept)
	_, rows := s.shared.Rows(ctx, lane, []string{"a"})
	_, writeRows := s.shared.WriteRows(ctx, lane, []datastore.RowWrite{{Row: row("b", 1)}})
	_, scan := s.shared.Scan(ctx, lane, "", 1)
	_, _, get := s.shared.Mark(ctx, datastore.LiveMark, lane)
	_, set := s.shared.SetMark(ctx, datastore.LiveMark, lane, mark(1), "")
	_, list := s.all.List(ctx)
	for what, err := range map[string]error{"Rows": rows, "WriteRows": writeRows, "Scan": scan,
		"SetMark": set, "List": list,
		"Create": s.all.Create(ctx, missing), "Clear": s.all.Clear(ctx, s.id), "Drop": s.all.Drop(ctx, s.id)} {
		if err == nil {
			t.Errorf("%s with a cancelled context gave no error", what)
		}
	}
	conformance.WantError(t, "Mark with a cancelled context", get, context.Canceled)
	wantRows(t, s.shared, lane, []string{"a", "b"}, kept)
	_, _, err := s.shared.Mark(t.Context(), datastore.LiveMark, lane)
	conformance.WantError(t, "mark that was not set", err, datastore.ErrNoMark)
	s.wantListed(t, missing, false)
}

func (s *suite) testDurable(t *testing.T) {
	s.MustReopen(t)
	lane := s.lane()
	id, g := s.create(t)
	dropped, _ := s.create(t)
	write(t, g, lane, "", row("a", 1), row("b", 1))
	write(t, g, lane, position(1), row("b", 2))
	version := setMark(t, g, datastore.LiveMark, mark(1), "")
	must(t, s.all.Drop(t.Context(), dropped))
	s.all = s.Reopen(t, s.all)
	g = s.all.Open(id)
	wantRows(t, g, lane, []string{"a", "b"}, row("a", 1), row("b", 2))
	wantMark(t, g, datastore.LiveMark, mark(1), version)
	if again := setMark(t, g, datastore.LiveMark, mark(2), version); again == version {
		t.Fatalf("mark version %q was reused", again)
	}
	s.wantMissing(t, dropped)
	s.wantListed(t, dropped, false)
	s.wantListed(t, id, true)
}
