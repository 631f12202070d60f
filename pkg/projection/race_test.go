package projection_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// contested is a generation in which something happens before rows are written.
type contested struct {
	datastore.Generation
	before func(writes []datastore.RowWrite)
}

func (c contested) WriteRows(ctx context.Context, lane event.Lane, writes []datastore.RowWrite) ([]string, error) {
	c.before(writes)
	return c.Generation.WriteRows(ctx, lane, writes)
}

// TestRacedEntitiesAreFoldedAnew lets another consumer write some row first at
// every write, among large rows that are written in several chunks, some of
// which must be indexed first.
func TestRacedEntitiesAreFoldedAnew(t *testing.T) {
	const entities, each, state = 80, 6, 200 << 10
	b := newBench(t, projection.New("text", 1, []string{"it.happened"}, func(s string, _ *event.Event) (string, error) {
		return strings.Repeat("x", state+(len(s)+1-state*min(len(s), 1))%100), nil
	}))
	var events []event.Event
	for i := range entities * each {
		events = append(events, event.Event{ID: fmt.Sprint(i / entities % 4), Source: "s", Type: "it.happened",
			Subject: fmt.Sprint("e", i%entities)})
	}
	placed := b.put(t, events, 1000)
	if err := b.tables.Create(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	to := projection.Target{ID: "g", Generation: b.tables.Open("g")}
	other := func() *projection.Applier {
		return projection.NewApplier(b.set, wholeLog{b.log}, projection.IndexAbove(3, 64))
	}
	if _, err := other().Apply(t.Context(), to, placed[:3*entities]); err != nil {
		t.Fatal(err)
	}
	raced := make(map[string]bool)
	var byOther projection.Tally
	under, writes := to, 0
	under.Generation = contested{to.Generation, func(rows []datastore.RowWrite) {
		writes++
		bytes := 0
		for i := range rows {
			bytes += len(rows[i].Row.State)
		}
		if bytes > 4<<20+state+200 {
			t.Errorf("%d bytes wait to be written", bytes)
		}
		entity := rows[len(rows)/2].Row.Entity
		if raced[entity] {
			return
		}
		raced[entity] = true
		for i := range placed {
			if placed[i].Event.Subject == entity && placed[i].Position > rows[len(rows)/2].Previous {
				tally, err := other().Apply(t.Context(), to, placed[i:i+1])
				if err != nil {
					t.Fatal(err)
				}
				byOther.Applied += tally.Applied
				byOther.Duplicates += tally.Duplicates
				return
			}
		}
	}}
	applier := projection.NewApplier(b.set, wholeLog{b.log}, projection.IndexAbove(4, 64))
	tally, err := applier.Apply(t.Context(), under, placed)
	if err != nil {
		t.Fatal(err)
	}
	if len(raced) < 3 || writes < 3 {
		t.Fatalf("%d writes, raced by %d", writes, len(raced))
	}
	rows, err := to.Generation.Rows(t.Context(), 0, names(entities))
	if err != nil {
		t.Fatal(err)
	}
	for entity, row := range rows {
		if row.Count != 4 || row.Duplicates != each-4 {
			t.Errorf("%s: count %d, %d duplicates", entity, row.Count, row.Duplicates)
		}
	}
	applied, duplicates := tally.Applied+byOther.Applied, tally.Duplicates+byOther.Duplicates
	if applied != entities || duplicates != entities*(each-4) {
		t.Errorf("%+v here, %+v from the other consumer", tally, byOther)
	}
}

func names(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprint("e", i))
	}
	return names
}

// TestRacesAreBounded lets another consumer write first, a number of times or
// always.
func TestRacesAreBounded(t *testing.T) {
	for lost, want := range map[int]error{8: nil, 9: projection.ErrRaced} {
		b := newBench(t, recorder())
		placed := b.put(t, []event.Event{{ID: "1", Source: "s", Type: "it.happened", Subject: "x", Data: "1"}}, 10)
		if err := b.tables.Create(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		to, left := projection.Target{ID: "g", Generation: b.tables.Open("g")}, lost
		to.Generation = losing{to.Generation, &left}
		if _, err := b.applier.Apply(t.Context(), to, placed); !errors.Is(err, want) {
			t.Errorf("after %d lost races: %v, want %v", lost, err, want)
		}
	}
}

// losing is a generation in which another consumer is first a number of times.
type losing struct {
	datastore.Generation
	left *int
}

func (l losing) WriteRows(ctx context.Context, lane event.Lane, writes []datastore.RowWrite) ([]string, error) {
	if *l.left == 0 {
		return l.Generation.WriteRows(ctx, lane, writes)
	}
	*l.left--
	return []string{writes[0].Row.Entity}, nil
}

// TestWhatComesTwiceInABatchIsSkipped repeats events at their own positions.
func TestWhatComesTwiceInABatchIsSkipped(t *testing.T) {
	for _, limit := range []int64{0, 100} {
		b := newBench(t, recorder())
		var events []event.Event
		for i := range 4 {
			events = append(events, event.Event{ID: fmt.Sprint(i), Source: "s", Type: "it.happened", Subject: "x",
				Data: fmt.Sprint(i)})
		}
		placed := b.put(t, events, 10)
		if err := b.tables.Create(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		to := projection.Target{ID: "g", Generation: b.tables.Open("g")}
		twice := append(placed[:3:3], placed[1:]...)
		applier := projection.NewApplier(b.set, wholeLog{b.log}, projection.IndexAbove(limit, 64))
		tally, err := applier.Apply(t.Context(), to, twice)
		if err != nil || tally.Applied != 4 || tally.Duplicates != 0 {
			t.Errorf("limit of %d: %+v, %v", limit, tally, err)
		}
		compare(t, to, expected(placed))
	}
}

// TestLimitsStayWithinTheFilter asks for more events than a filter has room
// for.
func TestLimitsStayWithinTheFilter(t *testing.T) {
	c := newCrowd(t)
	applier := projection.NewApplier(c.set, wholeLog{c.log}, projection.IndexAbove(10_000, 10_000))
	for name, perHour := range map[string]int{"many events": 1000, "many buckets": 1} {
		batch := c.add(t, name, 0, map[int]int{1000: 337, 1: 129}[perHour], hourly(perHour))
		if _, err := applier.Apply(t.Context(), c.to, batch); err != nil {
			t.Fatal(err)
		}
		if row := c.row(t, name); row.Indexed != row.Position || len(row.Filter) > 0 {
			t.Errorf("%s: indexed up to %q, filter of %d bytes", name, row.Indexed, len(row.Filter))
		}
	}
}

// TestIndexAboveIndexesWhatIsLarger has entities up to lower limits, and above
// them.
func TestIndexAboveIndexesWhatIsLarger(t *testing.T) {
	c := newCrowd(t)
	applier := projection.NewApplier(c.set, wholeLog{c.log}, projection.IndexAbove(4, 2))
	for name, batch := range map[string][]projection.Placed{
		"4 events":         c.add(t, "4 events", 0, 4, hourly(2)),
		"5 events indexed": c.add(t, "5 events indexed", 0, 5, hourly(3)),
		"2 hours":          c.add(t, "2 hours", 0, 2, hourly(1)),
		"3 hours indexed":  c.add(t, "3 hours indexed", 0, 3, hourly(1)),
	} {
		if _, err := applier.Apply(t.Context(), c.to, batch); err != nil {
			t.Fatal(err)
		}
		if row := c.row(t, name); strings.HasSuffix(name, "indexed") != (row.Indexed == row.Position) {
			t.Errorf("%s: indexed up to %q of %s", name, row.Indexed, row.Position)
		}
	}
}

// TestEveryEventCountsTowardsTheIndex applies events one by one: whatever
// becomes of them, the first one beyond the limit makes the entity indexed, as
// in a single batch.
func TestEveryEventCountsTowardsTheIndex(t *testing.T) {
	b := newBench(t, recorder())
	var events []event.Event
	for _, e := range []struct{ id, kind string }{
		{"1", "it.happened"}, {"2", "it.happened"}, {"1", "it.happened"}, {"2", "it.happened"},
		{"3", "nobody.wants"}, {"4", "is.wrong"}, {"5", "it.happened"}, {"6", "it.happened"},
	} {
		events = append(events, event.Event{ID: e.id, Source: "s", Type: e.kind, Subject: "x", Data: "1"})
	}
	placed := b.put(t, events, 10)
	to := b.generation(t, "g")
	limit := int64(len(events) - 1)
	for i := range placed {
		applier := projection.NewApplier(b.set, wholeLog{b.log}, projection.IndexAbove(limit, 64))
		if _, err := applier.Apply(t.Context(), to, placed[i:i+1]); err != nil {
			t.Fatal(err)
		}
		if row := b.row(t, to, "x"); (int64(i) == limit) != (row.Indexed == row.Position) {
			t.Errorf("after %d events of at most %d: indexed up to %q of %s", i+1, limit, row.Indexed, row.Position)
		}
	}
	compare(t, to, expected(placed))
}

// TestRaceWhileAPastIsEntered lets another consumer write a row first, between
// two steps of indexing it.
func TestRaceWhileAPastIsEntered(t *testing.T) {
	c := newCrowd(t)
	const n = 9_000
	c.old(t, n, hourly(n), "x")
	batch := c.add(t, "x", n, 2, hourly(3*n))
	batch = append(batch, c.add(t, "x", 7, 1, hourly(3*n))...)
	under, raced := c.to, false
	under.Generation = contested{c.to.Generation, func(rows []datastore.RowWrite) {
		if raced || rows[0].Row.Position != rows[0].Previous {
			return
		}
		raced = true
		if tally := c.apply(t, batch[:1]); tally.Applied != 1 {
			t.Errorf("the other consumer: %+v", tally)
		}
	}}
	tally, err := c.cold().Apply(t.Context(), under, batch)
	if err != nil || !raced || tally.Applied != 1 || tally.Duplicates != 1 {
		t.Errorf("%+v, %v; raced: %t", tally, err, raced)
	}
	if row := c.row(t, "x"); row.Count != n+2 || row.Duplicates != 1 || row.Indexed != row.Position {
		t.Errorf("count %d, %d duplicates, indexed up to %s of %s", row.Count, row.Duplicates, row.Indexed, row.Position)
	}
}
