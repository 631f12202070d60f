package codecheck_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection"
	"reprise/pkg/projection/codecheck"
)

// TestTheSameCodeNeverDiffers: whatever the history, wherever the two generations
// stand, and however their batches were cut.
func TestTheSameCodeNeverDiffers(t *testing.T) {
	skipped := int64(0)
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t, 1<<random.IntN(3))
		history(w, random, 2+random.IntN(12), 120)
		set := with(t, original)
		active := w.activate(set)
		w.fold(set, active, random, 0.3+0.7*random.Float64())
		if report := w.check(set); report.Differing != 0 || report.Compared == 0 || report.Partial {
			t.Errorf("seed %d: check %+v", seed, report)
		}
		w.must(w.Generations.Create(t.Context(), "g0002"))
		rebuilt := w.Generations.Open("g0002")
		w.fold(set, rebuilt, random, 0.3+0.7*random.Float64())
		if got := w.walk(active, rebuilt); got.Differing != 0 {
			t.Errorf("seed %d: rebuild %+v", seed, got)
		}
		for _, lane := range event.AllLanes(w.lanes.Count()) {
			w.must(datastore.EachRow(t.Context(), active, lane, func(row *datastore.Row) error {
				skipped += row.Skipped
				return nil
			}))
		}
		if got := w.walk(active, active); got.Compared < 2 || got.Differing != 0 {
			t.Errorf("seed %d: with itself %+v", seed, got)
		}
	}
	if skipped == 0 {
		t.Error("no history has an event that is stepped over")
	}
}

// TestMendedCodeNeverDiffers: code that accepts what was rejected, and folds everything
// else as before, needs no new version, whatever was parked or stepped over.
func TestMendedCodeNeverDiffers(t *testing.T) {
	mended := original
	mended.rejects = ""
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 2))
		w := newWorld(t, 2)
		history(w, random, 6, 120)
		active := w.activate(with(t, original))
		w.fold(with(t, original), active, random, 0.3+0.7*random.Float64())
		if report := w.check(with(t, mended)); report.Differing != 0 {
			t.Errorf("seed %d: check %+v", seed, report)
		}
		w.must(w.Generations.Create(t.Context(), "g0002"))
		rebuilt := w.Generations.Open("g0002")
		w.fold(with(t, mended), rebuilt, random, 0.3+0.7*random.Float64())
		if got := w.walk(active, rebuilt); got.Differing != 0 {
			t.Errorf("seed %d: rebuild %+v", seed, got)
		}
	}
}

// TestChangedCodeIsFoundExactly counts the entities whose rows a change of the code
// would make differ, and finds these in both ways.
func TestChangedCodeIsFoundExactly(t *testing.T) {
	mended := original
	mended.rejects = ""
	heavier := original
	heavier.weight = 2
	stricter := original
	stricter.rejects = "it.shrank"
	wider := original
	wider.types = append([]string{"nobody.knows"}, original.types...)
	narrower := original
	narrower.types = []string{"it.grew", "it.broke"}
	for name, c := range map[string]struct {
		code              code
		compared, differs int64
	}{
		"other states":        {heavier, 5, 2},  // grown, and broken later
		"accepts what parked": {mended, 4, 0},   // broken allows no conclusion
		"rejects others":      {stricter, 4, 1}, // what it no longer rejects allows no conclusion
		"handles another":     {wider, 5, 1},
		"handles one less":    {narrower, 5, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 4)
			for i, event := range []string{
				"it.grew grown", "it.grew grown", "it.shrank shrunk", "nobody.knows unknown", "other.happened other",
				"it.grew broken", "it.broke broken", "other.happened other",
			} {
				kind, entity, _ := strings.Cut(event, " ")
				w.send(kind, entity, strconv.Itoa(i))
			}
			random := rand.New(rand.NewPCG(1, 1))
			old, changed := with(t, original), with(t, c.code)
			active := w.activate(old)
			w.fold(old, active, random, 1)
			report := w.check(changed)
			if report.Compared != c.compared || report.Differing != c.differs {
				t.Errorf("check: %+v", report)
			}
			w.must(w.Generations.Create(t.Context(), "g0002"))
			rebuilt := w.Generations.Open("g0002")
			w.fold(changed, rebuilt, random, 1)
			got := w.walk(active, rebuilt)
			if got.Compared != c.compared || got.Differing != c.differs {
				t.Errorf("rebuild: %+v", got)
			}
			got.Generation = report.Generation
			if !reflect.DeepEqual(got, report.Comparison) {
				t.Errorf("check %+v, rebuild %+v", report.Comparison, got)
			}
		})
	}
}

// TestASlowMachineIsNoChange: that a fold takes too long may be the machine's fault.
func TestASlowMachineIsNoChange(t *testing.T) {
	old := datastore.Row{Position: "1", Version: "v", Count: 3}
	for reason, want := range map[string]bool{projection.ErrRunaway.Error() + ": x": false, "it is broken": true} {
		fresh := datastore.Row{Position: "1", Version: "v", Count: 1, Chain: event.Digest{Hi: 1},
			Parked: &datastore.Parked{Reason: reason, Waiting: 1}}
		if conclusive, differs := codecheck.Conclude(&old, &fresh); conclusive != want || differs != want {
			t.Errorf("%s: conclusive %t, differs %t", reason, conclusive, differs)
		}
	}
	for name, other := range map[string]datastore.Row{
		"another event":   {Position: "2", Version: "v", Count: 3, State: []byte("1")},
		"another version": {Position: "1", Version: "w", Count: 3, State: []byte("1")},
	} {
		if conclusive, _ := codecheck.Conclude(&old, &other); conclusive {
			t.Errorf("%s allows a conclusion", name)
		}
	}
}

// TestAGenerationIsCheckedOnceForEachBuild, and one that the code does not belong to
// not at all.
func TestAGenerationIsCheckedOnceForEachBuild(t *testing.T) {
	w := newWorld(t, 2)
	set := with(t, original)
	done := func(set *projection.Set, build string) bool {
		t.Helper()
		_, done, err := w.checker(set, build).Check(t.Context())
		w.must(err)
		return done
	}
	if done(set, "1") {
		t.Error("checked a platform without a generation")
	}
	w.activate(set)
	for _, step := range []struct {
		build string
		want  bool
	}{{"1", true}, {"1", false}, {"2", true}, {"2", false}} {
		if got := done(set, step.build); got != step.want {
			t.Errorf("build %s: done %t", step.build, got)
		}
	}
	if _, found, err := codecheck.Load(t.Context(), w.Table, "g0002"); found || err != nil {
		t.Errorf("the report of another generation: %t, %v", found, err)
	}
	version2, err := projection.NewSet(projection.New("size", 2, nil, unchanged))
	w.must(err)
	if done(version2, "3") {
		t.Error("checked a generation of another version")
	}
	if _, err := w.registry.Lose(t.Context(), "g0001", datastore.Loss{Why: "a test"}); err != nil {
		t.Fatal(err)
	}
	if done(set, "4") {
		t.Error("checked a lost generation")
	}
}

func unchanged(n int, _ *event.Event) (int, error) { return n, nil }

// counting counts reads of rows and bytes of the log.
type counting struct {
	datastore.Generations
	rows *int
}

func (c counting) Open(id string) datastore.Generation {
	return countingRows{c.Generations.Open(id), c.rows}
}

type countingRows struct {
	datastore.Generation
	rows *int
}

func (c countingRows) Scan(ctx context.Context, lane event.Lane, after string, limit int) ([]datastore.Row, error) {
	rows, err := c.Generation.Scan(ctx, lane, after, limit)
	*c.rows += len(rows)
	return rows, err
}

// TestACheckIsBounded in the rows that it reads and in the events that it folds, and it
// takes entities of each projection from all lanes.
func TestACheckIsBounded(t *testing.T) {
	const lanes, small, large = 8, 400, 8
	w := newWorld(t, lanes)
	for i := range small {
		kind := "it.grew"
		if i%100 == 0 {
			kind = "other.happened"
		}
		w.send(kind, fmt.Sprintf("m-%03d", i), "1")
	}
	for i := range large { // sorts first
		name := fmt.Sprintf("a-%03d", i)
		events := make([]event.Event, 400)
		for j := range events {
			events[j] = event.Event{ID: strconv.Itoa(j), Source: "test", Type: "it.grew", Subject: name}
		}
		w.log(w.lanes.Of(name), events...)
	}
	old := with(t, original)
	active := w.activate(old)
	w.fold(old, active, rand.New(rand.NewPCG(1, 1)), 1)
	heavier := original
	heavier.weight = 2
	checker, rows := w.checker(with(t, heavier), "1"), 0
	checker.Generations = counting{w.Generations, &rows}
	folds := 0
	checker.Now = func() time.Time { folds++; return w.now }
	report, _, err := checker.Check(t.Context())
	w.must(err)
	if rows > lanes*16 || report.Compared != 64 || report.Partial || folds > 64+10 {
		t.Errorf("%d rows read, %+v", rows, report)
	}
	if len(report.Projections) != 1 || len(report.Projections[0].Lanes) != lanes || report.Differing >= 64 {
		t.Errorf("the sample lacks lanes or a projection: %+v", report.Projections)
	}
	// Time may run out.
	checker.Build, checker.Now = "2", func() time.Time { w.now = w.now.Add(9 * time.Second); return w.now }
	report, _, err = checker.Check(t.Context())
	if err != nil || !report.Partial || report.Compared == 0 || report.Compared > 8 {
		t.Errorf("out of time: %+v, %v", report, err)
	}
}

// broken cannot be read after some pages.
type broken struct {
	datastore.Generation
	pages int
}

func (b *broken) Scan(ctx context.Context, lane event.Lane, after string, limit int) ([]datastore.Row, error) {
	if b.pages--; b.pages < 0 {
		return nil, errors.New("cannot be read")
	}
	return b.Generation.Scan(ctx, lane, after, limit)
}

// TestAWalkThatCannotGoOnIsPartial, and never an error.
func TestAWalkThatCannotGoOnIsPartial(t *testing.T) {
	w := newWorld(t, 1)
	for i := range 100 {
		w.send("it.grew", entity(i), "1")
	}
	set := with(t, original)
	active := w.activate(set)
	w.fold(set, active, rand.New(rand.NewPCG(1, 1)), 1)
	if got := w.walk(active, active); got.Compared != 100 || got.Partial {
		t.Errorf("a whole walk: %+v", got)
	}
	if got := w.walk(&broken{active, 2}, active); got.Compared != 64 || !got.Partial {
		t.Errorf("a broken walk: %+v", got)
	}
	asked := 0
	walk := codecheck.NewWalk(active, 0, func() bool { asked++; return asked > 1 })
	w.must(datastore.EachRow(t.Context(), active, 0, func(row *datastore.Row) error {
		walk.Compare(t.Context(), row)
		return nil
	}))
	if got := walk.Result(); got.Compared != 32 || !got.Partial {
		t.Errorf("a walk without time: %+v", got)
	}
}

func TestNamesTellProjectionsAndLanes(t *testing.T) {
	var sum codecheck.Comparison
	for lane := range event.Lane(20) {
		sum.Merge(codecheck.Comparison{Compared: 2, Differing: 1,
			Projections: []codecheck.Differing{{Projection: "size", Entities: 1, Lanes: []event.Lane{19 - lane}}}})
	}
	sum.Merge(codecheck.Comparison{Compared: 1, Differing: 1,
		Projections: []codecheck.Differing{{Projection: "other", Entities: 1, Lanes: []event.Lane{3}}}})
	const want = "other: 1 in lane 3; size: 20 in lanes 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 and perhaps more"
	if sum.Names() != want || sum.Compared != 41 || sum.Differing != 21 {
		t.Errorf("%+v: %s", sum, sum.Names())
	}
}
