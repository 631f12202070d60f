package rowdiff_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/projection/rowdiff"
	"reprise/pkg/replay/replaytest"
)

// pair is two generations of a world, both at the end of its log.
type pair struct {
	*replaytest.World
	t        *testing.T
	old, new datastore.Generation
}

func newPair(t *testing.T) *pair {
	t.Helper()
	w := replaytest.New(t)
	w.Must(w.Generations.Create(t.Context(), "old"))
	w.Must(w.Generations.Create(t.Context(), "new"))
	return &pair{w, t, w.Generations.Open("old"), w.Generations.Open("new")}
}

// put writes a row in place of one at a position.
func (p *pair) put(into datastore.Generation, row datastore.Row, previous event.Position) {
	p.t.Helper()
	conflicts, err := into.WriteRows(p.t.Context(), p.Lanes.Of(row.Entity),
		[]datastore.RowWrite{{Row: row, Previous: previous}})
	p.Must(err)
	if len(conflicts) > 0 {
		p.t.Fatalf("conflicts: %v", conflicts)
	}
}

// reach sets the live marks of a generation.
func (p *pair) reach(of datastore.Generation, at event.Position) {
	p.t.Helper()
	for _, lane := range event.AllLanes(p.Lanes.Count()) {
		_, err := of.SetMark(p.t.Context(), datastore.LiveMark, lane, datastore.Mark{Position: at}, "")
		p.Must(err)
	}
}

func (p *pair) differ() *rowdiff.Differ {
	log := eventlog.View{Log: p.Log, Heads: p.Heads}
	return &rowdiff.Differ{Old: p.old, New: p.new, OldVersion: "v0", NewVersion: p.Set.Version(), Log: log,
		Applier: projection.NewApplier(p.Set, log),
		Sleep:   func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

func (p *pair) diff(d *rowdiff.Differ) rowdiff.Report {
	p.t.Helper()
	report := rowdiff.Report{Complete: true}
	p.Must(d.Lanes(p.t.Context(), event.AllLanes(p.Lanes.Count()), &report))
	return report
}

func state(text string) json.RawMessage { return json.RawMessage(text) }

// Every way in which an entity may differ is counted, by kind and by field, with a sample.
func TestWhatDiffersIsCountedByKindAndByField(t *testing.T) {
	p := newPair(t)
	const at = event.Position("5")
	parked := func(position event.Position) *datastore.Parked {
		return &datastore.Parked{Position: position, Type: "is.wrong", Reason: "it is wrong"}
	}
	both := func(entity string, old, fresh datastore.Row) {
		old.Entity, fresh.Entity, old.Position, fresh.Position = entity, entity, at, at
		p.put(p.old, old, "")
		p.put(p.new, fresh, "")
	}
	both("same", datastore.Row{State: state(`{"a":1}`)}, datastore.Row{State: state(`{"a":1}`), Count: 9})
	both("field", datastore.Row{State: state(`{"a":1,"b":{"c":2}}`)}, datastore.Row{State: state(`{"a":1,"b":{"c":3}}`)})
	both("fields", datastore.Row{State: state(`{"a":1,"b":{"c":2}}`)}, datastore.Row{State: state(`{"a":2,"b":{"c":3}}`)})
	both("list", datastore.Row{State: state(`[{"x":1},{"x":1}]`)}, datastore.Row{State: state(`[{"x":2},{"x":2}]`)})
	both("parked", datastore.Row{}, datastore.Row{Parked: parked("4")})
	both("parked elsewhere", datastore.Row{Parked: parked("3")}, datastore.Row{Parked: parked("4")})
	both("parked alike", datastore.Row{Parked: parked("3")}, datastore.Row{Parked: parked("3")})
	both("projection", datastore.Row{Projection: "one"}, datastore.Row{Projection: "two"})
	p.put(p.old, datastore.Row{Entity: "gone", Position: at}, "")
	p.put(p.new, datastore.Row{Entity: "come", Position: at}, "")
	p.reach(p.old, at)
	p.reach(p.new, at)
	got := p.diff(p.differ())
	want := map[rowdiff.Kind]int64{rowdiff.State: 4, rowdiff.Parked: 2, rowdiff.OnlyOld: 1, rowdiff.OnlyNew: 1}
	if fmt.Sprint(got.Kinds) != fmt.Sprint(want) || got.Compared != 10 || got.Differing != 8 || got.Unsettled != 0 ||
		!got.Complete {
		t.Errorf("%+v", got)
	}
	fields := []rowdiff.Field{{"/b/c", 2}, {"", 1}, {"/*/x", 1}, {"/a", 1}}
	if !slices.Equal(got.Fields, fields) {
		t.Errorf("fields %+v", got.Fields)
	}
	at0 := slices.IndexFunc(got.Samples, func(s rowdiff.Sample) bool { return s.Entity == "field" })
	if len(got.Samples) != 8 || at0 < 0 || len(got.Samples[at0].Changes) != 1 ||
		got.Samples[at0].Changes[0].Old != "2" || got.Samples[at0].Changes[0].New != "3" {
		t.Errorf("samples %+v", got.Samples)
	}
}

// Rows that stand at different events are compared at the same one: they are read again,
// and if that does not help, the one of the version at hand is folded from the log.
func TestRowsAreComparedAtTheSameEvent(t *testing.T) {
	for name, tt := range map[string]struct {
		old, later, fresh string
		// behind says that the new row is behind the old one, else it is ahead of it.
		behind, catchesUp bool
		differing         int64
		unsettled         int64
	}{
		"behind, and the fold agrees":     {old: "2", fresh: "1", behind: true},
		"behind, and the fold differs":    {old: "7", fresh: "1", behind: true, differing: 1},
		"ahead, and the fold agrees":      {old: "1", fresh: "2"},
		"ahead, and the fold differs":     {old: "7", fresh: "2", differing: 1},
		"it catches up and agrees":        {old: "2", fresh: "1", later: "2", behind: true, catchesUp: true},
		"it catches up and still differs": {old: "2", fresh: "1", later: "9", behind: true, catchesUp: true, differing: 1},
	} {
		p := newPair(t)
		p.Send("a", "a")
		head, err := p.Heads.Load(t.Context(), p.Lanes.Of("a"))
		p.Must(err)
		first, second := p.firstOf("a"), head.Position
		buckets := []eventlog.Bucket{eventlog.Hour.Of(p.Now.UnixMilli())}
		at, freshAt := second, first
		if !tt.behind {
			at, freshAt = first, second
		}
		p.put(p.old, datastore.Row{Entity: "a", Position: at, State: state(tt.old), Projection: "counter",
			Buckets: buckets}, "")
		fresh := datastore.Row{Entity: "a", Position: freshAt, State: state(tt.fresh), Projection: "counter",
			Buckets: buckets}
		p.put(p.new, fresh, "")
		d := p.differ()
		if tt.catchesUp {
			d.Sleep = func(context.Context, time.Duration) error {
				if fresh.Position == first {
					fresh.Position, fresh.State = second, state(tt.later)
					p.put(p.new, fresh, first)
				}
				return nil
			}
		}
		if got := p.diff(d); got.Differing != tt.differing || got.Unsettled != tt.unsettled || got.Compared != 1 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A generation that stands still is waited for once in each lane, however many of its rows
// are behind, and again once a row has come to the other's event.
func TestAGenerationThatStandsStillIsWaitedForOnce(t *testing.T) {
	p := newPair(t)
	const entities = 200
	for i := range entities {
		entity := fmt.Sprintf("e%03d", i)
		p.put(p.old, datastore.Row{Entity: entity, Position: "1", State: state("1")}, "")
		p.put(p.new, datastore.Row{Entity: entity, Position: "2", State: state("1")}, "")
	}
	var pauses atomic.Int64
	d := p.differ()
	d.Sleep = func(context.Context, time.Duration) error {
		pauses.Add(1)
		return nil
	}
	if got := p.diff(d); got.Unsettled != entities {
		t.Fatalf("%+v", got)
	}
	if most := int64(2 * p.Lanes.Count()); pauses.Load() > most {
		t.Errorf("%d pauses for %d entities, want %d at most", pauses.Load(), entities, most)
	}
}

// firstOf is the position of an entity's first event.
func (p *pair) firstOf(entity string) (first event.Position) {
	p.t.Helper()
	lane := p.Lanes.Of(entity)
	head, err := p.Heads.Load(p.t.Context(), lane)
	p.Must(err)
	view := eventlog.View{Log: p.Log, Heads: p.Heads}
	buckets := []eventlog.Bucket{eventlog.Hour.Of(p.Now.UnixMilli())}
	p.Must(view.History(p.t.Context(), lane, entity, buckets, "", head.Position,
		func(_ eventlog.Bucket, e *eventlog.Entry) error {
			if first == "" {
				first = e.Position
			}
			return nil
		}))
	return first
}

// A row that a generation lacks is missing only if that generation has come as far.
func TestARowThatIsNotThereYetIsNotMissing(t *testing.T) {
	for at, want := range map[event.Position]rowdiff.Report{
		"4": {Unsettled: 1, Complete: true},
		"5": {Compared: 1, Differing: 1, Kinds: map[rowdiff.Kind]int64{rowdiff.OnlyOld: 1}, Complete: true},
	} {
		p := newPair(t)
		p.put(p.old, datastore.Row{Entity: "a", Position: "5"}, "")
		p.reach(p.old, "5")
		p.reach(p.new, at)
		got := p.diff(p.differ())
		got.Samples = nil
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("at %s: %+v", at, got)
		}
	}
}

// What is left out because of a bound is said.
func TestABoundedComparisonIsNotComplete(t *testing.T) {
	p := newPair(t)
	for i := range 20 {
		row := datastore.Row{Entity: fmt.Sprint("e", i), Position: "5", State: state("1")}
		p.put(p.old, row, "")
		p.put(p.new, row, "")
	}
	d := p.differ()
	d.Entities = 3
	if got := p.diff(d); got.Complete || got.Compared != int64(3*p.Lanes.Count()) {
		t.Errorf("bounded by entities: %+v", got)
	}
	d = p.differ()
	d.Enough = func() bool { return true }
	if got := p.diff(d); got.Complete || got.Compared != 0 {
		t.Errorf("out of time: %+v", got)
	}
	d = p.differ()
	d.Entities = 20
	if got := p.diff(d); !got.Complete || got.Compared != 20 {
		t.Errorf("a bound that is not reached: %+v", got)
	}
}

// Random generations of many pages are compared as two maps would be.
func TestManyRowsAreComparedAsInMemory(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	p := newPair(t)
	want := rowdiff.Report{Kinds: map[rowdiff.Kind]int64{}}
	for i := range 1500 {
		row := datastore.Row{Entity: fmt.Sprintf("entity %d#", i), Position: "5", State: state(`{"n":1}`)}
		inOld, inNew := random.IntN(10) > 0, random.IntN(10) > 0
		other := row
		if random.IntN(5) == 0 {
			other.State = state(`{"n":2}`)
		}
		if inOld {
			p.put(p.old, row, "")
		}
		if inNew {
			p.put(p.new, other, "")
		}
		switch {
		case inOld && inNew && string(row.State) != string(other.State):
			want.Kinds[rowdiff.State]++
		case inOld && !inNew:
			want.Kinds[rowdiff.OnlyOld]++
		case inNew && !inOld:
			want.Kinds[rowdiff.OnlyNew]++
		}
		if inOld || inNew {
			want.Compared++
		}
	}
	p.reach(p.old, "5")
	p.reach(p.new, "5")
	got := p.diff(p.differ())
	if fmt.Sprint(got.Kinds) != fmt.Sprint(want.Kinds) || got.Compared != want.Compared || len(got.Samples) > 24 {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got.Fields[0] != (rowdiff.Field{Path: "/n", Entities: want.Kinds[rowdiff.State]}) {
		t.Errorf("%+v", got.Fields)
	}
}
