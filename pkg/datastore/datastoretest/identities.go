package datastoretest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// identity is an event's entry whose content depends on its position.
func identity(entity string, key uint64, at int) datastore.Identity {
	return datastore.Identity{
		Entity:   entity,
		Key:      event.Digest{Hi: key << 60, Lo: key},
		Position: position(at),
		Content:  1<<63 + uint64(at),
	}
}

func identify(
	t conformance.T, g datastore.Generation, lane event.Lane, events ...datastore.Identity,
) []datastore.Identity {
	t.Helper()
	first, err := g.Identify(t.Context(), lane, events)
	if err != nil || len(first) != len(events) {
		t.Fatalf("identify %d events: %d came back, %v", len(events), len(first), err)
	}
	return first
}

// wantFirst enters e and checks what the index holds from then on.
func wantFirst(t conformance.T, g datastore.Generation, lane event.Lane, e, want datastore.Identity) {
	t.Helper()
	if first := identify(t, g, lane, e); first[0] != want {
		t.Fatalf("entered %+.200v, have %+.200v, want %+.200v", e, first[0], want)
	}
}

func (s *suite) testIdentify(t *testing.T) {
	lane := s.lane()
	identify(t, s.shared, lane)
	a, later, other := identity("a", 1, 5), identity("a", 1, 6), identity("a", 2, 6)
	wantFirst(t, s.shared, lane, a, a)
	for range 2 {
		wantFirst(t, s.shared, lane, a, a) // the event itself is retried
		wantFirst(t, s.shared, lane, later, a)
		wantFirst(t, s.shared, lane, other, other)
	}
	// An earlier event replaces the entry, whenever it is entered.
	earlier := identity("a", 1, 4)
	wantFirst(t, s.shared, lane, earlier, earlier)
	wantFirst(t, s.shared, lane, a, earlier)
	wantFirst(t, s.shared, lane, later, earlier)
	// An entry stays unless an earlier event is entered.
	changed := earlier
	changed.Content++
	wantFirst(t, s.shared, lane, changed, earlier)
	wantFirst(t, s.shared, lane, later, earlier)
	// Keys differ in every part.
	for i, key := range []event.Digest{
		{}, {Hi: 1}, {Lo: 1}, {Hi: 1 << 63}, {Lo: 1 << 63}, {Hi: ^uint64(0), Lo: ^uint64(0)},
	} {
		e := datastore.Identity{Entity: "keys", Key: key, Position: position(i), Content: uint64(i)}
		wantFirst(t, s.shared, lane, e, e)
	}
	// A call answers for each event in the order given.
	events := []datastore.Identity{later, identity("b", 9, 1), identity("a", 3, 9), identity("b", 1, 2)}
	want := []datastore.Identity{earlier, events[1], events[2], events[3]}
	if first := identify(t, s.shared, lane, events...); !slices.Equal(first, want) {
		t.Fatalf("have %+v, want %+v", first, want)
	}
	if events[0] != later {
		t.Fatal("the caller's events were changed")
	}
}

// testIdentityNeighbours enters one key for entities that are awkward
// neighbours, in one call and one by one.
func (s *suite) testIdentityNeighbours(t *testing.T) {
	lane, next := s.lane(), s.lane()
	var events []datastore.Identity
	for i, entity := range entities {
		events = append(events, identity(entity, 1, i))
	}
	for range 2 {
		if first := identify(t, s.shared, lane, events...); !slices.Equal(first, events) {
			t.Fatalf("have %+.300v, want %+.300v", first, events)
		}
	}
	for i, entity := range entities {
		wantFirst(t, s.shared, lane, identity(entity, 1, 100), events[i])
		there := identity(entity, 1, 200+i)
		wantFirst(t, s.shared, next, there, there)
	}
}

// testIdentitiesAndRows checks that neither is taken for the other.
func (s *suite) testIdentitiesAndRows(t *testing.T) {
	lane := s.lane()
	var rows []datastore.Row
	for i, entity := range entities {
		rows = append(rows, row(entity, i))
		e := identity(entity, uint64(i), i)
		wantFirst(t, s.shared, lane, e, e)
	}
	wantRows(t, s.shared, lane, entities)
	wantScan(t, readPages(t, s.shared.Scan, lane, "", 3), nil)
	write(t, s.shared, lane, "", rows...)
	wantRows(t, s.shared, lane, entities, rows...)
	wantScan(t, readPages(t, s.shared.Scan, lane, "", 3), sorted(rows))
	for i, entity := range entities {
		wantFirst(t, s.shared, lane, identity(entity, uint64(i), 100), identity(entity, uint64(i), i))
	}
}

func (s *suite) testIdentityLimits(t *testing.T) {
	lane := s.lane()
	var events []datastore.Identity
	for i := range datastore.MaxBatch + 1 {
		events = append(events, datastore.Identity{
			Entity:   fmt.Sprint(i % 7),
			Key:      event.Digest{Hi: uint64(i) << 50, Lo: uint64(i)},
			Position: position(i),
			Content:  uint64(i),
		})
	}
	all := events[:datastore.MaxBatch]
	for range 2 {
		if first := identify(t, s.shared, lane, all...); !slices.Equal(first, all) {
			t.Fatal("a large call answered something else than was entered")
		}
	}
	for what, refused := range map[string][]datastore.Identity{
		"too many": events, "one twice": {identity("twice", 1, 1), identity("twice", 1, 2)},
	} {
		if _, err := s.shared.Identify(t.Context(), lane, refused); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	last := events[datastore.MaxBatch]
	last.Position = position(9000)
	wantFirst(t, s.shared, lane, last, last)
	wantFirst(t, s.shared, lane, identity("twice", 1, 9), identity("twice", 1, 9))
	// The longest entity id that there is.
	long := identity(strings.Repeat("e", event.MaxEntityKeyBytes), 1, 1)
	wantFirst(t, s.shared, lane, long, long)
}

// testOneIsFirst enters events of one source and id concurrently: afterwards all
// agree on the lowest position, and no call has returned a higher position than its
// own.
func (s *suite) testOneIsFirst(t *testing.T) {
	lane := s.lane()
	for round := range 5 {
		told := make([]datastore.Identity, writers)
		errs := conformance.Race(writers, func(i int) error {
			mine := identity("a", uint64(round), 10*round+1+i)
			first, err := s.shared.Identify(t.Context(), lane, []datastore.Identity{identity("b", uint64(round), i), mine})
			if err == nil {
				told[i] = first[1]
			}
			return err
		})
		lowest := identity("a", uint64(round), 10*round+1)
		for i := range writers {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			if told[i].Position > position(10*round+1+i) || told[i].Position < lowest.Position {
				t.Fatalf("event at %s was told of %s", position(10*round+1+i), told[i].Position)
			}
		}
		wantFirst(t, s.shared, lane, identity("a", uint64(round), 10*round+9), lowest)
		wantFirst(t, s.shared, lane, identity("b", uint64(round), 10*round+99), identity("b", uint64(round), 0))
	}
}

// testIdentitiesGo checks that the index does not outlive its generation.
func (s *suite) testIdentitiesGo(t *testing.T) {
	id, g := s.create(t)
	longer := id + "0"
	must(t, s.all.Create(t.Context(), longer))
	second := s.all.Open(longer)
	lane, other := s.lane(), s.lane()
	a, b := identity("a", 1, 1), identity("b", 2, 2)
	again := func(e datastore.Identity) datastore.Identity {
		e.Position = position(50)
		return e
	}
	for range 2 {
		wantFirst(t, g, lane, a, a)
		wantFirst(t, g, other, b, b)
		wantFirst(t, second, lane, again(a), again(a))
		must(t, s.all.Clear(t.Context(), id))
		wantFirst(t, g, lane, again(a), again(a))
		wantFirst(t, g, other, again(b), again(b))
		must(t, s.all.Drop(t.Context(), id))
		_, err := g.Identify(t.Context(), lane, []datastore.Identity{a})
		conformance.WantError(t, "identify in a dropped generation", err, datastore.ErrNoGeneration)
		must(t, s.all.Create(t.Context(), id))
		wantFirst(t, g, lane, again(a), again(a))
		must(t, s.all.Clear(t.Context(), id))
	}
	must(t, s.all.Drop(t.Context(), longer))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Identify(ctx, lane, []datastore.Identity{a}); err == nil {
		t.Fatal("identify with a cancelled context gave no error")
	}
	wantFirst(t, g, lane, again(a), again(a))
}

// testIdentitiesLast reopens the Data Store: the identities of a written row are
// still there.
func (s *suite) testIdentitiesLast(t *testing.T) {
	s.MustReopen(t)
	lane := s.lane()
	id, g := s.create(t)
	a := identity("a", 1, 1)
	wantFirst(t, g, lane, a, a)
	write(t, g, lane, "", row("a", 1))
	s.all = s.Reopen(t, s.all)
	s.shared = s.all.Open(s.id)
	wantFirst(t, s.all.Open(id), lane, identity("a", 1, 2), a)
}

// testIdentitiesRead reads parts of the index of a lane, which contain what was entered
// last and nothing of other lanes or of rows.
func (s *suite) testIdentitiesRead(t *testing.T) {
	g, offers := s.shared.(datastore.Recaller)
	if !offers {
		t.Fatal("the identity index cannot be read")
	}
	lane, other := s.lane(), s.lane()
	var all []datastore.Identity
	for i, entity := range entities {
		for key := range uint64(5) {
			all = append(all, identity(entity, key, 100*i+int(key)))
		}
		write(t, s.shared, lane, "", row(entity, i))
	}
	identify(t, s.shared, lane, all...)
	identify(t, s.shared, other, identity("other", 1, 1))
	earlier := identity(entities[0], 1, 0)
	identify(t, s.shared, lane, earlier)
	all[1] = earlier
	read := func(from, to string) (found []datastore.Identity) {
		must(t, g.Identities(t.Context(), lane, from, to, func(e datastore.Identity) error {
			found = append(found, e)
			return nil
		}))
		return found
	}
	a, b := event.EscapeEntity(entities[0])+"#", event.EscapeEntity(entities[len(entities)-1])+"#"
	for _, part := range [][2]string{{"", ""}, {a, ""}, {"", a}, {a, b}, {b, a}, {b, b}, {strings.TrimSuffix(b, "#"), b}} {
		from, to := part[0], part[1]
		want := slices.DeleteFunc(slices.Clone(all), func(e datastore.Identity) bool {
			key := event.EscapeEntity(e.Entity) + "#"
			return key < from || (to != "" && key > to)
		})
		if found := read(from, to); !sameIdentities(found, want) {
			t.Fatalf("from %q to %q: %d entries, want %d", from, to, len(found), len(want))
		}
	}
	stop := errors.New("stop")
	err := g.Identities(t.Context(), lane, "", "", func(datastore.Identity) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("visit ends with %v", err)
	}
}

func sameIdentities(a, b []datastore.Identity) bool {
	order := func(x, y datastore.Identity) int {
		return strings.Compare(fmt.Sprint(x.Entity, "#", x.Key), fmt.Sprint(y.Entity, "#", y.Key))
	}
	slices.SortFunc(a, order)
	slices.SortFunc(b, order)
	return slices.Equal(a, b)
}
