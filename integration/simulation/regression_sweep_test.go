package simulation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/lifecycle"
)

// inhabited is a quiet world in which much is wanted: an active generation, one
// to go back to, and one that another replay is filling.
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

func (w *world) promoteNow(t *testing.T, a *actor, r *replayModel) {
	t.Helper()
	ctx := context.Background()
	if state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); err != nil || state != cutover.Promoted {
		t.Fatalf("promote: %q, %v", state, err)
	}
	if _, err := w.closerOf(a).Close(ctx, r.id, replay.Succeeded, nil); err != nil {
		t.Fatal(err)
	}
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

// wantWorld wants exactly these generations, each with its table and its entry,
// and no reservation.
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

// dying runs an act that dies at its call number at, and reports false once it
// has fewer calls.
func (w *world) dying(
	t *testing.T, a *actor, at int, late bool, act func(*cutover.Promoter, *lifecycle.Service) error,
) bool {
	t.Helper()
	s := &steps{at: at, dies: true, late: late}
	err := act(w.promoterWith(a, s), w.serviceWith(a, s, &executionDouble{}))
	if s.reached() && !errors.Is(err, errDied) {
		t.Fatalf("died at call %d: %v", at, err)
	}
	if !s.reached() && err != nil {
		t.Fatalf("without dying: %v", err)
	}
	return s.reached()
}

// everywhere lets an act die at each of its calls, before and behind the effect,
// in a world of its own each time.
func everywhere(t *testing.T, run func(t *testing.T, at int, late bool) (more bool)) {
	t.Helper()
	for _, late := range []bool{false, true} {
		calls := 0
		for run(t, calls, late) {
			calls++
		}
		if calls < 3 {
			t.Errorf("the act makes %d calls", calls)
		}
	}
}

// A rebuild that died between making a generation and recording it left the
// table and its entry for ever.
func TestPrepareThatDiesAnywhere(t *testing.T) {
	for _, then := range []string{"goes on", "is closed", "is cancelled", "is swept and goes on"} {
		t.Run(then, func(t *testing.T) {
			everywhere(t, func(t *testing.T, at int, late bool) bool {
				w, a := inhabited(t)
				ctx := context.Background()
				r := aRebuild("rebuild", true)
				w.replays[r.id] = r
				if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
					t.Fatal(err)
				}
				more := w.dying(t, a, at, late, func(p *cutover.Promoter, _ *lifecycle.Service) error {
					return p.Prepare(ctx, r.id, w.set.Version())
				})
				when := fmt.Sprintf("died at call %d, late %t", at, late)
				want := []string{"g0001", "g0002", "g0003"}
				switch then {
				case "is closed":
					if _, err := w.closerOf(a).Close(ctx, r.id, replay.Failed, nil); err != nil {
						t.Fatal(err)
					}
				case "is cancelled":
					if _, err := w.serviceWith(a, nil, &executionDouble{}).Cancel(ctx, r.id); err != nil {
						t.Fatal(err)
					}
				case "is swept and goes on":
					w.sweep(t, a)
					fallthrough
				default:
					if err := w.promoterOf(a).Prepare(ctx, r.id, w.set.Version()); err != nil {
						t.Errorf("%s, again: %v", when, err)
					}
					want = append(want, w.rowOf(t, a, r.id).Generation)
				}
				w.sweep(t, a)
				w.wantWorld(t, a, when, want...)
				return more
			})
		})
	}
}

// A close that died left what it had not dropped yet.
func TestCloseThatDiesAnywhere(t *testing.T) {
	for _, again := range []bool{true, false} {
		everywhere(t, func(t *testing.T, at int, late bool) bool {
			w, a := inhabited(t)
			ctx := context.Background()
			r := aRebuild("rebuild", true)
			w.replays[r.id] = r
			w.enterAndPrepare(t, a, r)
			more := w.dying(t, a, at, late, func(_ *cutover.Promoter, s *lifecycle.Service) error {
				_, err := s.Closer.Close(ctx, r.id, replay.Failed, &replay.Failure{Error: "Test"})
				return err
			})
			// What has not ended is told to close again; what has, nobody closes.
			if again || !w.rowOf(t, a, r.id).Status.Ended() {
				if _, err := w.closerOf(a).Close(ctx, r.id, replay.Failed, &replay.Failure{Error: "Test"}); err != nil {
					t.Fatal(err)
				}
			}
			w.sweep(t, a)
			w.wantWorld(t, a, fmt.Sprintf("died at call %d, late %t", at, late), "g0001", "g0002", "g0003")
			if row := w.rowOf(t, a, r.id); row.Status != replay.Failed || row.Failure == nil {
				t.Errorf("died at call %d: %s", at, row.Status)
			}
			return more
		})
	}
}

// A close after a promotion drops what is of no use any more, and keeps what was
// active before, wherever it dies.
func TestCloseOfAPromotionThatDiesAnywhere(t *testing.T) {
	everywhere(t, func(t *testing.T, at int, late bool) bool {
		w, a := inhabited(t)
		ctx := context.Background()
		r := aRebuild("rebuild", true)
		w.rebuild(t, a, r)
		if state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); err != nil || state != cutover.Promoted {
			t.Fatalf("promote: %q, %v", state, err)
		}
		more := w.dying(t, a, at, late, func(_ *cutover.Promoter, s *lifecycle.Service) error {
			_, err := s.Closer.Close(ctx, r.id, replay.Succeeded, nil)
			return err
		})
		w.sweep(t, a)
		if _, err := w.closerOf(a).Close(ctx, r.id, replay.Succeeded, nil); err != nil {
			t.Fatal(err)
		}
		w.wantWorld(t, a, fmt.Sprintf("died at call %d, late %t", at, late), "g0002", "g0003", "g0004")
		if active := w.registryStateOf(t, a).Active; active != "g0004" {
			t.Errorf("active is %s", active)
		}
		return more
	})
}

// A sweep that dies leaves the rest to the next one.
func TestSweepThatDiesAnywhere(t *testing.T) {
	everywhere(t, func(t *testing.T, at int, late bool) bool {
		w, a := inhabited(t)
		ctx := context.Background()
		w.litter(t, a)
		more := w.dying(t, a, at, late, func(_ *cutover.Promoter, s *lifecycle.Service) error { return s.Closer.Sweep(ctx) })
		w.sweep(t, a)
		w.wantWorld(t, a, fmt.Sprintf("died at call %d, late %t", at, late), "g0001", "g0002", "g0003")
		return more
	})
}

// litter leaves one of everything that nobody owns: an entry of a replay that is
// gone, one of a replay that has ended, one that was retired, a table without an
// entry, and a reservation of each kind.
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

// A sweep runs ahead of every single call of a Prepare, and the other way round:
// nothing that is being made is swept.
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
				s.happy = func() { w.sweep(t, a) }
				prepare(w.promoterWith(a, s))
			} else {
				s.happy = func() { prepare(w.promoterOf(a)) }
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

// Following comes ahead of every single call of a sweep: what has got its
// consumer meanwhile stays.
func TestSweepBesideFollow(t *testing.T) {
	for at := 0; ; at++ {
		w, a := inhabited(t)
		ctx := context.Background()
		r := aRebuild("rebuild", false)
		w.replays[r.id] = r
		w.enterAndPrepare(t, a, r)
		w.deliverAll(t, a, r.id)
		s := &steps{at: at, happy: func() {
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

// A platform that is being founded makes its first table before it has an entry;
// and what an older registry, restored, never gave away is not its to drop.
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

// A name that is used again after its replay was removed got the generation of
// the earlier one, which may be the active one.
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

// An id is entered once, however late a Prepare goes on.
func TestAPrepareThatGoesOnAfterTheCloseMakesNothing(t *testing.T) {
	for at := 0; ; at++ {
		w, a := inhabited(t)
		ctx := context.Background()
		r := aRebuild("rebuild", true)
		w.replays[r.id] = r
		if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
			t.Fatal(err)
		}
		s := &steps{at: at, happy: func() {
			if _, err := w.closerOf(a).Close(ctx, r.id, replay.Failed, nil); err != nil {
				t.Fatal(err)
			}
		}}
		err := w.promoterWith(a, s).Prepare(ctx, r.id, w.set.Version())
		if !s.reached() {
			return
		}
		if err != nil && !errors.Is(err, replay.ErrEnded) && !errors.Is(err, datastore.ErrUnknown) {
			t.Errorf("closed ahead of call %d: %v", at, err)
		}
		w.sweep(t, a)
		w.wantWorld(t, a, fmt.Sprintf("closed ahead of call %d", at), "g0001", "g0002", "g0003")
	}
}

// Reconcile started a replay again whose execution Step Functions had forgotten.
func TestReconcileStartsNothingTwice(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, w *world, a *actor, s *lifecycle.Service)
		// status is the replay's at the end, began how often an execution was
		// started in all.
		status replay.Status
		began  int
	}{
		"entered and never started": {func(*testing.T, *world, *actor, *lifecycle.Service) {}, replay.Planned, 1},
		"started and forgotten": {func(t *testing.T, _ *world, _ *actor, s *lifecycle.Service) {
			if _, _, err := s.Start(context.Background(), "r", replay.Request{}); err != nil {
				t.Fatal(err)
			}
		}, replay.Failed, 1},
		"planned by an earlier release and forgotten": {func(t *testing.T, w *world, a *actor, _ *lifecycle.Service) {
			w.replays["r"] = &replayModel{id: "r", lanes: nil}
			if _, err := w.storeOf(a).Update(context.Background(), "r", func(r *replay.Row) error {
				r.Status = replay.Running
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}, replay.Failed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, a := quietWorld(t)
			ctx := context.Background()
			executions := &executionDouble{}
			service := w.serviceWith(a, nil, executions)
			if _, _, err := w.storeOf(a).Create(ctx, "r", replay.Request{}); err != nil {
				t.Fatal(err)
			}
			c.prepare(t, w, a, service)
			executions.exists = false
			if err := service.Reconcile(ctx); err != nil {
				t.Fatal(err)
			}
			if row := w.rowOf(t, a, "r"); row.Status.Ended() {
				t.Errorf("at once: %s; an execution that was just started may not be shown yet", row.Status)
			}
			w.now += (time.Hour).Milliseconds()
			executions.exists = executions.exists && c.status == replay.Planned
			if err := service.Reconcile(ctx); err != nil {
				t.Fatal(err)
			}
			row := w.rowOf(t, a, "r")
			if row.Status != c.status || executions.began != c.began {
				t.Errorf("%s, %d executions", row.Status, executions.began)
			}
			if row.Status == replay.Failed && row.Failure.Error != lifecycle.FaultExecutionGone {
				t.Errorf("failed by the name %s", row.Failure.Error)
			}
			if row.Status == replay.Planned && row.Started == nil {
				t.Error("it is not recorded that it was started")
			}
			if _, _, err := service.Start(ctx, "r", replay.Request{}); err != nil || executions.began != c.began {
				t.Errorf("asked for again: %d executions, %v", executions.began, err)
			}
		})
	}
}

// Reconcile sweeps.
func TestReconcileSweeps(t *testing.T) {
	w, a := inhabited(t)
	w.litter(t, a)
	service := w.serviceWith(a, nil, &executionDouble{exists: true})
	if err := service.Reconcile(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.wantWorld(t, a, "swept", "g0001", "g0002", "g0003")
	for key := range w.table.stored {
		if strings.HasPrefix(key.Partition, "registry") && key != (control.Key{Partition: "registry", Sort: "generations"}) {
			t.Errorf("document %v", key)
		}
	}
}

// What cannot be swept fails Reconcile, which reports it, and no replay's close.
func TestWhatCannotBeSweptFailsNoReplay(t *testing.T) {
	w, a := inhabited(t)
	ctx := context.Background()
	if _, _, err := w.storeOf(a).Create(ctx, "plain", replay.Request{}); err != nil {
		t.Fatal(err)
	}
	w.replays["plain"] = &replayModel{id: "plain"}
	closer := w.closerOf(a)
	closer.Generations = steppedStore{closer.Generations, &steps{dies: true}}
	if row, err := closer.Close(ctx, "plain", replay.Cancelled, nil); err != nil || row.Status != replay.Cancelled {
		t.Errorf("close: %s, %v", row.Status, err)
	}
	service := &lifecycle.Service{Store: closer.Store, Closer: closer, Executions: &executionDouble{exists: true}}
	if err := service.Reconcile(ctx); !errors.Is(err, errDied) {
		t.Errorf("reconcile: %v", err)
	}
}
