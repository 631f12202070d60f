package projection_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// hourglass ticks when a test asks it to, and never by itself.
type hourglass struct{ c chan time.Time }

func newHourglass() *hourglass { return &hourglass{make(chan time.Time)} }

func (h *hourglass) watch(abandoned int) projection.Watch {
	return projection.Watch{Limit: 4 * time.Second, Ticks: 4, Abandoned: abandoned,
		Every: func(time.Duration) (<-chan time.Time, func()) { return h.c, func() {} }}
}

// stuck waits at events of the type "is.stuck" until it is freed, and reports
// each time that it begins to.
type stuck struct {
	entered chan string
	free    chan struct{}
	release func()
	left    sync.WaitGroup
}

func newStuck(t *testing.T) *stuck {
	s := &stuck{entered: make(chan string, 100), free: make(chan struct{})}
	s.release = sync.OnceFunc(func() {
		close(s.free)
		s.left.Wait()
	})
	t.Cleanup(s.release)
	return s
}

func (s *stuck) projection(name, kind string) projection.Projection {
	return projection.New(name, 1, []string{kind, "is.stuck"}, func(seen seenState, e *event.Event) (seenState, error) {
		if e.Type == "is.stuck" {
			s.left.Add(1)
			defer s.left.Done()
			s.entered <- e.Subject
			<-s.free
			// Whatever it does to its arguments must affect nobody else.
			e.Data, e.Extensions[0].Value = "late", "late"
			for i := range seen.Seen {
				seen.Seen[i] = "late"
			}
		}
		seen.Seen = append(seen.Seen, e.Data)
		return seen, nil
	})
}

func eventsOf(kinds ...string) []event.Event {
	var events []event.Event
	for i, kind := range kinds {
		kind, entity, _ := strings.Cut(kind, " ")
		events = append(events, event.Event{ID: fmt.Sprint(i), Source: "s", Type: kind, Subject: entity, Data: fmt.Sprint(i),
			Extensions: []event.Extension{event.StringExtension("a", "b")}})
	}
	return events
}

func (b *bench) generation(t *testing.T, id string) projection.Target {
	t.Helper()
	if err := b.tables.Create(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return projection.Target{ID: id, Generation: b.tables.Open(id)}
}

func (b *bench) row(t *testing.T, to projection.Target, entity string) datastore.Row {
	t.Helper()
	rows, err := to.Generation.Rows(t.Context(), 0, []string{entity})
	if err != nil {
		t.Fatal(err)
	}
	return rows[entity]
}

// apply turns the glass once for each fold that is stuck, and returns how many
// there were.
func (h *hourglass) apply(t *testing.T, b *bench, s *stuck, to projection.Target, events []projection.Placed,
) (int, error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := b.applier.Apply(t.Context(), to, events)
		done <- err
	}()
	for n := 0; ; n++ {
		select {
		case err := <-done:
			return n, err
		case <-s.entered:
			for range 5 {
				h.c <- time.Time{}
			}
		}
	}
}

func TestRunawayParksItsEntityOnly(t *testing.T) {
	glass, stuck := newHourglass(), newStuck(t)
	b := newBench(t, stuck.projection("stuck", "it.happened"))
	b.applier = projection.NewApplier(b.set.Watched(glass.watch(8)), wholeLog{b.log})
	placed := b.put(t, eventsOf("it.happened x", "it.happened y", "is.stuck x", "it.happened x", "it.happened y"), 10)
	to := b.generation(t, "g")
	if n, err := glass.apply(t, b, stuck, to, placed); err != nil || n != 1 {
		t.Fatalf("%d folds are stuck, error %v", n, err)
	}
	check := func(to projection.Target) {
		t.Helper()
		x, y := b.row(t, to, "x"), b.row(t, to, "y")
		if x.Parked == nil || x.Parked.Position != placed[2].Position || x.Parked.Waiting != 1 || x.Count != 1 ||
			string(x.State) != `{"seen":["0"]}` ||
			x.Parked.Reason != "projection did not return in time: stuck@1 took more than 4s" {
			t.Errorf("x: %s, parked %+v", x.State, x.Parked)
		}
		if y.Parked != nil || string(y.State) != `{"seen":["1","4"]}` {
			t.Errorf("y: %s, parked %+v", y.State, y.Parked)
		}
	}
	check(to)
	// Another generation gets the same event, which is now known as a runaway.
	other := b.generation(t, "other")
	if _, err := b.applier.Apply(t.Context(), other, placed); err != nil {
		t.Fatal(err)
	}
	if n := len(stuck.entered); n != 0 {
		t.Errorf("%d more folds entered the event", n)
	}
	check(other)
	stuck.release() // the fold returns after all, and its result is ignored
	check(to)
	check(other)
}

// TestARunawayCostsItsNeighboursNothing has a runaway in a batch with entities
// that are folded but not written yet.
func TestARunawayCostsItsNeighboursNothing(t *testing.T) {
	glass, stuck := newHourglass(), newStuck(t)
	b := newBench(t, stuck.projection("stuck", "it.happened"))
	b.applier = projection.NewApplier(b.set.Watched(glass.watch(8)), wholeLog{b.log})
	placed := b.put(t, eventsOf("it.happened a", "it.happened b", "is.stuck x", "it.happened c", "it.happened a"), 10)
	to := b.generation(t, "g")
	if n, err := glass.apply(t, b, stuck, to, placed); err != nil || n != 1 {
		t.Fatalf("%d folds are stuck, error %v", n, err)
	}
	for entity, want := range map[string]string{"a": `{"seen":["0","4"]}`, "b": `{"seen":["1"]}`, "c": `{"seen":["3"]}`} {
		if row := b.row(t, to, entity); row.Parked != nil || string(row.State) != want {
			t.Errorf("%s: %s, parked %+v; want %s", entity, row.State, row.Parked, want)
		}
	}
	if x := b.row(t, to, "x"); x.Parked == nil {
		t.Error("x is not parked")
	}
}

// TestAnAbandonedFoldWritesNothing lets a runaway return long after its event
// was rejected.
func TestAnAbandonedFoldWritesNothing(t *testing.T) {
	glass, stuck := newHourglass(), newStuck(t)
	b := newBench(t, stuck.projection("stuck", "it.happened"))
	b.applier = projection.NewApplier(b.set.Watched(glass.watch(1)), wholeLog{b.log})
	placed := b.put(t, eventsOf("is.stuck x", "it.happened y"), 10)
	to := b.generation(t, "g")
	var writes atomic.Int32
	to.Generation = contested{to.Generation, func([]datastore.RowWrite) { writes.Add(1) }}
	if n, err := glass.apply(t, b, stuck, to, placed[:1]); err != nil || n != 1 {
		t.Fatalf("%d folds are stuck, error %v", n, err)
	}
	stuck.release()
	for { // until its goroutine has ended
		_, err := b.applier.Apply(t.Context(), to, placed[1:])
		if err == nil {
			break
		}
		if !errors.Is(err, projection.ErrManyRunaways) {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
	if n := writes.Load(); n != 2 {
		t.Errorf("rows were written %d times, want once for each entity", n)
	}
}

// TestASlowStoreIsNoRunaway lets the store take longer than any fold may.
func TestASlowStoreIsNoRunaway(t *testing.T) {
	glass := newHourglass()
	b := newBench(t, recorder())
	b.applier = projection.NewApplier(b.set.Watched(glass.watch(8)), wholeLog{b.log})
	to := b.generation(t, "g")
	writes := 0
	to.Generation = contested{to.Generation, func([]datastore.RowWrite) {
		writes++
		for range 3 * 4 {
			glass.c <- time.Time{}
		}
	}}
	placed := b.put(t, eventsOf("it.happened x", "it.happened y"), 10)
	if tally, err := b.applier.Apply(t.Context(), to, placed); err != nil || tally.Applied != 2 || writes != 1 {
		t.Errorf("%+v, %v, in %d writes", tally, err, writes)
	}
}

func TestFoldHasTheWholeLimitAndNoOther(t *testing.T) {
	glass, stuck := newHourglass(), newStuck(t)
	b := newBench(t, stuck.projection("stuck", "it.happened"))
	b.applier = projection.NewApplier(b.set.Watched(glass.watch(8)), wholeLog{b.log})
	placed := b.put(t, eventsOf("is.stuck x", "is.stuck y", "it.happened z"), 10)
	to := b.generation(t, "g")
	done := make(chan error, 1)
	go func() {
		_, err := b.applier.Apply(t.Context(), to, placed)
		done <- err
	}()
	// The first tick begins the count, and three ticks are not four. The
	// watcher may not have seen the last tick before the next fold, whose count
	// then begins with it.
	for _, ticks := range []int{4, 3} {
		<-stuck.entered
		for range ticks {
			glass.c <- time.Time{}
		}
		stuck.free <- struct{}{}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, entity := range []string{"x", "y", "z"} {
		if row := b.row(t, to, entity); row.Parked != nil || row.Count != 1 {
			t.Errorf("%s: %d events, parked %+v", entity, row.Count, row.Parked)
		}
	}
}

func TestTooManyRunawaysStopTheirProjectionByName(t *testing.T) {
	glass, stuck := newHourglass(), newStuck(t)
	b := newBench(t, stuck.projection("stuck", "it.happened"), counterOf())
	b.applier = projection.NewApplier(b.set.Watched(glass.watch(5)), wholeLog{b.log})
	placed := b.put(t, eventsOf("is.stuck a", "is.stuck b", "is.stuck c", "is.stuck d", "is.stuck e",
		"it.happened f", "other.happened g"), 10)
	to := b.generation(t, "g")
	// An attempt finds three runaways and reports the projection.
	if n, err := glass.apply(t, b, stuck, to, placed); n != 3 || !errors.Is(err, projection.ErrRunaway) {
		t.Fatalf("%d folds are stuck, error %v", n, err)
	}
	n, err := glass.apply(t, b, stuck, to, placed)
	if n != 2 || !errors.Is(err, projection.ErrManyRunaways) || !strings.Contains(err.Error(), "stuck@1") {
		t.Fatalf("%d folds are stuck, error %v", n, err)
	}
	// Other projections continue.
	if _, err := b.applier.Apply(t.Context(), to, placed[6:]); err != nil {
		t.Fatal(err)
	}
	// Once the runaways have returned, the projection continues too.
	stuck.release()
	for {
		_, err := b.applier.Apply(t.Context(), to, placed)
		if err == nil {
			break
		}
		if !errors.Is(err, projection.ErrManyRunaways) {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
	if f := b.row(t, to, "f"); f.Parked != nil || f.Count != 1 {
		t.Errorf("f: %d events, parked %+v", f.Count, f.Parked)
	}
	if e := b.row(t, to, "e"); e.Parked == nil {
		t.Errorf("e is not parked")
	}
}
