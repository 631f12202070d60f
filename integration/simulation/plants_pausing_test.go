package simulation

import (
	"context"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/replay"
)

// blindPark reads the desired state and then stores the token, even if the
// state has changed in between.
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

// forgetfulResume removes the tokens before it has sent success for them.
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
