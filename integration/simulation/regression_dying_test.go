package simulation

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/lifecycle"
)

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

// dying runs an act that dies at call number at. It returns false once the act
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

// everywhere lets an act die at each of its calls, before and after the call
// takes effect, each time in a world of its own.
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

// A rebuild that died after making a generation and before recording it left
// the table and its entry behind for ever.
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

// A close that died left behind what it had not dropped yet.
func TestCloseThatDiesAnywhere(t *testing.T) {
	for _, again := range []bool{true, false} {
		everywhere(t, func(t *testing.T, at int, late bool) bool {
			w, a := inhabited(t)
			ctx := context.Background()
			r := aRebuild("rebuild", true)
			w.replays[r.id] = r
			w.enterAndPrepare(t, a, r)
			more := w.dying(t, a, at, late, func(_ *cutover.Promoter, s *lifecycle.Service) error {
				_, err := s.Closer.Close(ctx, r.id, replay.Failed, &replay.Failure{Error: replay.FaultOtherVersion})
				return err
			})
			// A replay that has not ended is told to close again. Nobody closes
			// one that has ended.
			if again || !w.rowOf(t, a, r.id).Status.Ended() {
				why := &replay.Failure{Error: replay.FaultOtherVersion}
				if _, err := w.closerOf(a).Close(ctx, r.id, replay.Failed, why); err != nil {
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

// A close after a promotion drops what is no longer needed and keeps the
// previously active generation, wherever it dies.
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

// An id is entered only once, however late a Prepare continues.
func TestAPrepareThatGoesOnAfterTheCloseMakesNothing(t *testing.T) {
	for at := 0; ; at++ {
		w, a := inhabited(t)
		ctx := context.Background()
		r := aRebuild("rebuild", true)
		w.replays[r.id] = r
		if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
			t.Fatal(err)
		}
		s := &steps{at: at, before: func() {
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
