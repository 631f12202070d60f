package projection_test

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// spoil changes what a row says, but neither where it stands nor where its events are.
func spoil(t *rapid.T, row *datastore.Row) {
	for _, change := range []func(){
		func() { row.State = []byte(`{"seen":["spoilt"]}`) },
		func() { row.Count += 7 },
		func() { row.Chain.Lo++ },
		func() { row.Duplicates, row.Conflicts = row.Duplicates+3, row.Conflicts+1 },
		func() { row.Ignored++ },
		func() { row.Skipped++ },
		func() { row.Projection = "another" },
		func() { row.Parked = nil },
		func() { row.Parked = &datastore.Parked{Position: row.Position, Type: "it.happened", Waiting: 2} },
		func() {
			if row.Indexed == "" {
				row.Filter = nil
			}
		},
	} {
		if rapid.IntRange(0, 2).Draw(t, "spoil") == 0 {
			change()
		}
	}
}

func rowsOf(t interface{ Fatal(...any) }, to projection.Target) map[string]datastore.Row {
	rows, err := to.Generation.Rows(ctx(t), 0, []string{"x", "y", "x#"})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestSpoiltRowsAreRightOnceTheyAreFoldedAgain spoils rows at random moments, while two
// consumers apply the same batches under faults of the store. In the end each entity is
// folded again, and complete rows are those of a rebuild.
func TestSpoiltRowsAreRightOnceTheyAreFoldedAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBench(t, recorder())
		events := drawEvents(t)
		known := len(events)
		for _, entity := range []string{"x", "y", "x#"} {
			events = append(events, refoldOf(t, entity, "the last"))
		}
		events = append(events, drawEvents(t)...)
		placed := b.put(t, events, rapid.IntRange(1, 10).Draw(t, "perBucket"))
		limit := projection.IndexAbove(int64(rapid.IntRange(0, 25).Draw(t, "limit of events")), 5)
		step := projection.ResumeAfter(rapid.IntRange(1, 6).Draw(t, "limit of a step"))
		to, rebuilt := b.create(t, "live"), b.create(t, "rebuilt")
		to.Refolds = true
		under := to
		under.Generation = flaky{to.Generation, t}
		appliers := []*projection.Applier{projection.NewApplier(b.set, wholeLog{b.log}, limit, step),
			projection.NewApplier(b.set, wholeLog{b.log}, limit, step)}
		tried := 0
		for reached := 0; reached < len(placed); {
			if reached > 0 && tried <= known && rapid.IntRange(0, 2).Draw(t, "spoil any") == 0 {
				spoilAny(t, to)
			}
			end := rapid.IntRange(reached+1, len(placed)).Draw(t, "to")
			tried = max(tried, end) // nothing is spoilt once the last refolds may be done
			applier := appliers[rapid.IntRange(0, 1).Draw(t, "consumer")]
			switch _, err := applier.Apply(ctx(t), under, placed[reached:end]); {
			case err == nil:
				reached = end
			case !errors.Is(err, errFlaky):
				t.Fatal(err)
			}
		}
		if _, err := appliers[0].Apart().Apply(ctx(t), rebuilt, placed); err != nil {
			t.Fatal(err)
		}
		compare(t, to, expected(placed))
		live := rowsOf(t, to)
		for entity, want := range rowsOf(t, rebuilt) {
			have := live[entity]
			if (have.Indexed == "") != (want.Indexed == "") { // because of spoilt counts
				have.Indexed, have.Filter, want.Indexed, want.Filter = "", nil, "", nil
			}
			forget(have.Parked)
			forget(want.Parked)
			if !reflect.DeepEqual(have, want) {
				t.Fatalf("%s:\nhave %+v, %+v,\nwant %+v, %+v", entity, have, have.Parked, want, want.Parked)
			}
		}
	})
}

// forget removes what a row only remembers from an earlier read of the log.
func forget(p *datastore.Parked) {
	if p != nil {
		p.Event, p.Bucket = event.Digest{}, ""
	}
}

func (b *bench) create(t interface{ Fatal(...any) }, name string) projection.Target {
	if err := b.tables.Create(ctx(t), name); err != nil {
		t.Fatal(err)
	}
	return projection.Target{ID: name, Generation: b.tables.Open(name)}
}

func spoilAny(t *rapid.T, to projection.Target) {
	rows := rowsOf(t, to)
	for _, entity := range slices.Sorted(maps.Keys(rows)) {
		row := rows[entity]
		spoil(t, &row)
		overwrite(t, to, row)
	}
}

// overwrite changes a row behind the platform's back.
func overwrite(t interface{ Fatal(...any) }, to projection.Target, row datastore.Row) {
	write := datastore.RowWrite{Row: row, Previous: row.Position}
	if lost, err := to.Generation.WriteRows(ctx(t), 0, []datastore.RowWrite{write}); err != nil || len(lost) > 0 {
		t.Fatal("overwrite row: ", lost, err)
	}
}

// TestTwoConsumersFoldAgainAtOnce lets two consumers fold again what is spoilt, at the
// same time.
func TestTwoConsumersFoldAgainAtOnce(t *testing.T) {
	b := newBench(t, recorder())
	var events []event.Event
	for i := range 300 {
		e := event.Event{ID: fmt.Sprint(i % 170), Source: "s", Type: "it.happened", Subject: fmt.Sprint("e", i%17),
			Data: fmt.Sprint(i)}
		if events = append(events, e); i%7 == 0 {
			events = append(events, refoldOf(t, e.Subject, fmt.Sprint(i)))
		}
	}
	placed := b.put(t, events, 20)
	to := b.create(t, "g")
	to.Refolds = true
	var group sync.WaitGroup
	for range 2 {
		applier := projection.NewApplier(b.set, wholeLog{b.log}, projection.IndexAbove(15, 100))
		group.Go(func() {
			for batch := range slices.Chunk(placed, 13) {
				for _, err := applier.Apply(t.Context(), to, batch); err != nil; {
					if !errors.Is(err, projection.ErrRaced) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	group.Wait()
	compare(t, to, expected(placed))
}

// refusing rejects events with some data, and counts others twice before it is mended.
func refusing(mended bool) projection.Projection {
	return projection.New("sum", 1, []string{"it.happened"}, func(n int, e *event.Event) (int, error) {
		if e.Data == "2" && !mended {
			return n, errors.New("not known")
		}
		if e.Data == "1" && !mended {
			n++
		}
		return n + 1, nil
	})
}

// A mended projection of the same version gives the new state and frees what is parked,
// in the rows that are folded again and in no others.
func TestAMendedProjectionFoldsAgain(t *testing.T) {
	b := newBench(t, refusing(false))
	var events []event.Event
	for i := range 12 {
		events = append(events, event.Event{ID: fmt.Sprint(i), Source: "s", Type: "it.happened",
			Subject: []string{"x", "y", "x#"}[i%3], Data: fmt.Sprint(i / 3)})
	}
	events = append(events, refoldOf(t, "x", "r"), refoldOf(t, "y", "r"))
	placed := b.put(t, events, 4)
	to := b.create(t, "g")
	to.Refolds = true
	if _, err := b.applier.Apply(t.Context(), to, placed[:13]); err != nil {
		t.Fatal(err)
	}
	if x := rowOf(t, to, "x"); x.Parked == nil || string(x.State) != "3" || x.Parked.Waiting != 2 {
		t.Errorf("folded again by the same projection: %s, %+v", x.State, x.Parked)
	}
	set, err := projection.NewSet(refusing(true))
	if err != nil {
		t.Fatal(err)
	}
	mended := projection.NewApplier(set, wholeLog{b.log})
	tally, err := mended.Apply(t.Context(), to, placed)
	if err != nil || tally.Refolded != 1 || tally.Corrections != 1 {
		t.Fatalf("%+v, %v", tally, err)
	}
	if y := rowOf(t, to, "y"); y.Parked != nil || string(y.State) != "4" || y.Count != 4 || y.Corrections != 1 {
		t.Errorf("folded again: %s, %+v", y.State, y)
	}
	if other := rowOf(t, to, "x#"); string(other.State) != "3" || other.Parked == nil {
		t.Errorf("another entity has changed: %s, %+v", other.State, other)
	}
}

// The events of a batch before and after a refold are folded into the right states.
func TestARefoldInTheMiddleOfABatch(t *testing.T) {
	for _, limit := range []int64{0, 100} {
		b := newBench(t, recorder())
		events := wrongThenHappened(7)[1:]
		events = slices.Insert(events, 4, refoldOf(t, "x", "r"))
		placed := b.put(t, events, 3)
		to := b.create(t, "g")
		to.Refolds = true
		applier := projection.NewApplier(b.set, wholeLog{b.log}, projection.IndexAbove(limit, 100))
		if _, err := applier.Apply(t.Context(), to, placed[:2]); err != nil {
			t.Fatal(err)
		}
		row := rowOf(t, to, "x")
		row.State = []byte(`{"seen":["spoilt"]}`)
		overwrite(t, to, row)
		if _, err := applier.Apply(t.Context(), to, placed); err != nil {
			t.Fatal(err)
		}
		compare(t, to, expected(placed))
	}
}
