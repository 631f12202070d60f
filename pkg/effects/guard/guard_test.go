package guard_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/effects/effectstest"
	"reprise/pkg/effects/guard"
	"reprise/pkg/gateway"
)

// A system gets a bounded number of calls at a time, and others have their own turns.
func TestTurnsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := guard.NewTurns()
		var at, most, other atomic.Int64
		for range 500 {
			go func() {
				giveBack, err := turns.Take(t.Context(), "slow")
				if err != nil {
					t.Error(err)
					return
				}
				defer giveBack()
				for now := at.Add(1); ; {
					if old := most.Load(); now <= old || most.CompareAndSwap(old, now) {
						break
					}
				}
				time.Sleep(time.Second)
				at.Add(-1)
			}()
		}
		synctest.Wait()
		if giveBack, err := turns.Take(t.Context(), "other"); err == nil {
			other.Add(1)
			giveBack()
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if _, err := turns.Take(ended, "slow"); !errors.Is(err, context.Canceled) {
			t.Errorf("after its end: %v", err)
		}
		time.Sleep(time.Minute)
		if most.Load() != 64 || other.Load() != 1 || at.Load() != 0 {
			t.Errorf("%d calls at once, %d of another system, %d left", most.Load(), other.Load(), at.Load())
		}
	})
}

// A reaction that never returns costs its time limit only, and cannot call any more; after
// some of them no more are begun.
func TestARunawayIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		late := make(chan error, 100)
		s := &effectstest.Service{Do: func(ctx context.Context, _ *gateway.Reaction, outside gateway.Gateway) error {
			<-free
			_, err := outside.Update(ctx, gateway.Effect{})
			late <- err
			return nil
		}}
		g := &guard.Guard{Limit: time.Second}
		runaways := 0
		for range 20 {
			err := g.React(t.Context(), s, &gateway.Reaction{}, nil)
			if errors.Is(err, guard.ErrManyRunaways) {
				break
			}
			if !errors.Is(err, guard.ErrRunaway) {
				t.Fatal(err)
			}
			runaways++
		}
		close(free)
		synctest.Wait()
		if runaways != 8 || len(late) != runaways {
			t.Fatalf("%d runaways, %d of which ended", runaways, len(late))
		}
		for range runaways {
			if err := <-late; !errors.Is(err, guard.ErrRunaway) {
				t.Errorf("a call after its time: %v", err)
			}
		}
	})
}
