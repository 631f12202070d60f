package simulation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// inhabited is a quiet world with three generations that are needed: the active
// one, one to go back to, and one that another replay is filling.
func inhabited(t *testing.T) (*world, *actor) {
	t.Helper()
	w, a := quietWorld(t)
	ctx := context.Background()
	w.logEvent(t, a, w.names[0], "1", typeNoted)
	if err := w.writeAll(ctx, a, datastore.FirstGeneration); err != nil {
		t.Fatal(err)
	}
	old := aRebuild("old", true)
	w.rebuild(t, a, old)
	w.promoteNow(t, a, old)
	running := aRebuild("running", true)
	w.replays[running.id] = running
	w.enterAndPrepare(t, a, running)
	w.wantWorld(t, a, "at first", datastore.FirstGeneration, old.generation, running.generation)
	return w, a
}

func (w *world) enterAndPrepare(t *testing.T, a *actor, r *replayModel) {
	t.Helper()
	ctx := context.Background()
	if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
		t.Fatal(err)
	}
	if err := w.promoterOf(a).Prepare(ctx, r.id, w.set.Version()); err != nil {
		t.Fatal(err)
	}
}

// wantWorld expects exactly these generations, each with its table and its
// entry, and no reservation.
func (w *world) wantWorld(t *testing.T, a *actor, when string, want ...string) {
	t.Helper()
	registered := w.registryStateOf(t, a)
	var entries []string
	for _, info := range registered.Generations {
		entries = append(entries, info.ID)
	}
	slices.Sort(entries)
	tables := slices.Sorted(maps.Keys(w.store.tables))
	if !slices.Equal(entries, want) || !slices.Equal(tables, want) || len(registered.Reserved) > 0 {
		t.Errorf("%s: entries %v, tables %v, reserved %v; want %v", when, entries, tables, registered.Reserved, want)
	}
}

func (w *world) sweep(t *testing.T, a *actor) {
	t.Helper()
	if err := w.closerOf(a).Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// litter leaves one of everything that has no owner: an entry of a replay that
// is gone, one of a replay that has ended, one that was retired, a table
// without an entry, and a reservation of each kind.
func (w *world) litter(t *testing.T, a *actor) {
	t.Helper()
	ctx := context.Background()
	registry, all := w.registryOf(a), w.generationsOf(a)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	enter := func(name string) string {
		info, err := registry.Begin(ctx, name, w.set.Version())
		must(err)
		must(all.Create(ctx, info.ID))
		return info.ID
	}
	enter("gone")
	enter("ended")
	must(registry.Retire(ctx, enter("retired")))
	forgotten := enter("forgotten")
	must(registry.Retire(ctx, forgotten))
	must(registry.Forget(ctx, forgotten))
	for _, name := range []string{"gone", "ended"} {
		_, err := registry.Reserve(ctx, name)
		must(err)
	}
	_, _, err := w.storeOf(a).Create(ctx, "ended", replay.Request{Rebuild: true})
	must(err)
	_, _, err = w.storeOf(a).End(ctx, "ended", replay.Failed, nil, nil)
	must(err)
}

// A sweep runs before every single call of a Prepare, and a Prepare before
// every call of a sweep: nothing that is being made is swept.
func TestSweepBesidePrepare(t *testing.T) {
	for _, sweepInside := range []bool{true, false} {
		for at := 0; ; at++ {
			w, a := inhabited(t)
			ctx := context.Background()
			w.litter(t, a)
			r := aRebuild("rebuild", true)
			w.replays[r.id] = r
			if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
				t.Fatal(err)
			}
			prepare := func(p *cutover.Promoter) {
				if err := p.Prepare(ctx, r.id, w.set.Version()); err != nil {
					t.Errorf("prepare, at call %d: %v", at, err)
				}
			}
			s := &steps{at: at}
			if sweepInside {
				s.before = func() { w.sweep(t, a) }
				prepare(w.promoterWith(a, s))
			} else {
				s.before = func() { prepare(w.promoterOf(a)) }
				if err := w.serviceWith(a, s, nil).Closer.Sweep(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if !s.reached() {
				break
			}
			w.sweep(t, a)
			w.wantWorld(t, a, fmt.Sprintf("at call %d, sweep inside %t", at, sweepInside),
				"g0001", "g0002", "g0003", w.rowOf(t, a, r.id).Generation)
		}
	}
}

// A generation begins to follow before every single call of a sweep: one that
// has got its consumer stays.
func TestSweepBesideFollow(t *testing.T) {
	for at := 0; ; at++ {
		w, a := inhabited(t)
		ctx := context.Background()
		r := aRebuild("rebuild", false)
		w.replays[r.id] = r
		w.enterAndPrepare(t, a, r)
		w.deliverAll(t, a, r.id)
		s := &steps{at: at, before: func() {
			if err := w.promoterOf(a).Follow(ctx, r.id); err != nil {
				t.Fatal(err)
			}
			if _, _, err := w.storeOf(a).End(ctx, r.id, replay.Succeeded, nil, nil); err != nil {
				t.Fatal(err)
			}
		}}
		if err := w.serviceWith(a, s, nil).Closer.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		if !s.reached() {
			return
		}
		w.wantWorld(t, a, fmt.Sprintf("at call %d", at), "g0001", "g0002", "g0003", r.generation)
	}
}

// A new platform makes its first table before the table's entry. A restored
// older registry does not know every id: tables with ids that it never gave
// away are not its to drop.
func TestSweepLeavesWhatIsNotItsOwn(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	for _, id := range []string{"g0009", "g00010", "other", "g1"} {
		if err := w.generationsOf(a).Create(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	w.sweep(t, a)
	if got := fmt.Sprint(slices.Sorted(maps.Keys(w.store.tables))); got != "[g0001 g00010 g0009 g1 other]" {
		t.Errorf("tables %s", got)
	}
	for key := range w.table.stored {
		if key.Partition == "registry" {
			delete(w.table.stored, key)
		}
	}
	if _, err := w.registryOf(a).Reserve(ctx, "early"); err != nil {
		t.Fatal(err)
	}
	w.sweep(t, a)
	if w.store.tables[datastore.FirstGeneration] == nil {
		t.Error("the first table is gone")
	}
}

// A name that was used again after its replay had been removed got the
// generation of the earlier replay, which may be the active one.
func TestAReusedNameGetsAFreshGeneration(t *testing.T) {
	w, a := inhabited(t)
	ctx := context.Background()
	w.now += (91 * 24 * time.Hour).Milliseconds()
	trigger := &replayModel{id: "trigger"}
	w.replays[trigger.id] = trigger
	if _, _, err := w.storeOf(a).Create(ctx, trigger.id, replay.Request{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.closerOf(a).Close(ctx, trigger.id, replay.Cancelled, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.storeOf(a).Load(ctx, "old"); !errors.Is(err, replay.ErrNotFound) {
		t.Fatalf("the old replay is still there: %v", err)
	}
	again := aRebuild("old", true)
	w.replays[again.id] = again
	w.enterAndPrepare(t, a, again)
	if id := w.rowOf(t, a, "old").Generation; id != "g0004" || w.registryStateOf(t, a).Active != "g0002" {
		t.Errorf("given %s; active is %s", id, w.registryStateOf(t, a).Active)
	}
	if _, err := w.closerOf(a).Close(ctx, "old", replay.Failed, nil); err != nil {
		t.Fatal(err)
	}
	w.wantWorld(t, a, "after the second of that name failed", "g0001", "g0002", "g0003")
}
