package simulation

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"reprise/pkg/control"
	"reprise/pkg/replay"
)

func runPausing(t *testing.T, f *fixtures, seed uint64, p plant) (w *world) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if w, err = newWorld(f, seed, p, false); err == nil {
			err = w.beginPausing()
		}
		if err != nil {
			t.Fatal(err)
		}
		w.run(synctest.Wait, maxSteps)
		w.pausing.checkEnd()
	})
	return w
}

// TestPausing races people who pause and resume with an execution that parks:
// it never waits for ever.
func TestPausing(t *testing.T) {
	f := makeFixtures(t)
	for seed := range uint64(schedules(t)) {
		if w := runPausing(t, f, seed+1, plant{}); w.broken != nil {
			t.Fatalf("seed %d: %v", seed+1, w.broken)
		}
	}
}

// blindPark reads the desired state and stores the token whatever it is by
// then.
func blindPark(store replay.Store) func(context.Context, string, string) (bool, error) {
	return func(ctx context.Context, id, token string) (bool, error) {
		row, err := store.Load(ctx, id)
		if err != nil || !row.Paused {
			return false, err
		}
		_, err = store.Update(ctx, id, func(row *replay.Row) error {
			row.Tokens = append(row.Tokens, token)
			return nil
		})
		return true, err
	}
}

// forgetfulResume takes the tokens away before it has sent success for them.
func forgetfulResume(ctx context.Context, a *actor, store replay.Store, id string) error {
	var tokens []string
	_, err := store.Update(ctx, id, func(row *replay.Row) error {
		if tokens = row.Tokens; !row.Paused {
			return control.Unchanged()
		}
		row.Paused, row.Tokens = false, nil
		return nil
	})
	for _, token := range tokens {
		if err == nil {
			err = a.world.pausing.send(ctx, a, token)
		}
	}
	return err
}

func TestPlantedFaultsOfPausing(t *testing.T) {
	f := makeFixtures(t)
	for name, p := range map[string]plant{
		"a token stored without its condition":         {park: blindPark},
		"tokens forgotten before success was sent for": {resume: forgetfulResume},
	} {
		t.Run(name, func(t *testing.T) {
			const seeds = 500
			for seed := range uint64(seeds) {
				if w := runPausing(t, f, seed+1, p); w.broken != nil {
					if w.broken.invariant != liveness {
						t.Errorf("seed %d breaks another invariant: %v", seed+1, w.broken)
					}
					t.Logf("found by seed %d: %v", seed+1, w.broken)
					return
				}
			}
			t.Errorf("%d seeds have not found it", seeds)
		})
	}
}

func TestPauseTokens(t *testing.T) {
	w, a := quietWorld(t)
	ctx, store := context.Background(), w.storeOf(a)
	if _, _, err := store.Create(ctx, "p", replay.Request{}); err != nil {
		t.Fatal(err)
	}
	park := func(token string, want bool) {
		t.Helper()
		if parked, err := store.ParkToken(ctx, "p", token); err != nil || parked != want {
			t.Errorf("park %s: %v, %v", token, parked, err)
		}
	}
	resume := func(want ...string) {
		t.Helper()
		if tokens, err := store.Resume(ctx, "p"); err != nil || !slices.Equal(tokens, want) {
			t.Errorf("resume: %v, %v; want %v", tokens, err, want)
		}
	}
	park("early", false)
	if _, err := store.RequestPause(ctx, "p"); err != nil {
		t.Fatal(err)
	}
	park("one", true)
	park("one", true) // a retry
	park("two", true)
	resume("one", "two")
	park("late", false)
	resume("one", "two") // whoever had them died
	if err := store.Released(ctx, "p", []string{"one"}); err != nil {
		t.Fatal(err)
	}
	resume("two")
}

func TestPauseAtItsLimits(t *testing.T) {
	w, a := quietWorld(t)
	ctx, store := context.Background(), w.storeOf(a)
	if _, _, err := store.Create(ctx, "p", replay.Request{}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.ParkToken(ctx, "p", ""); !errors.Is(err, replay.ErrToken) {
		t.Errorf("park an empty token: %v", err)
	}
	if _, _, err := store.End(ctx, "p", replay.Cancelled, nil, nil); err != nil {
		t.Fatal(err)
	}
	if parked, err := store.ParkToken(ctx, "p", "late"); err != nil || parked {
		t.Errorf("park after the end: %v, %v", parked, err)
	}
	if _, err := store.RequestPause(ctx, "p"); !errors.Is(err, replay.ErrEnded) {
		t.Errorf("pause after the end: %v", err)
	}
	if err := store.Released(ctx, "p", []string{"late"}); err != nil {
		t.Errorf("release after the end: %v", err)
	}
}
