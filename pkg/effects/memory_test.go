package effects_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/effects/effectstest"
	"reprise/pkg/event"
	"reprise/pkg/gateway"
	"reprise/pkg/projection"
)

// TestAStateTooLargeToKeep, of letters that compress badly, is folded from the log again.
func TestAStateTooLargeToKeep(t *testing.T) {
	w := newWitness(t)
	random := make([]byte, projection.MaxStateBytes-100)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		if random[i] = byte(' ' + rng.IntN(95)); strings.ContainsRune(`"\\<>&`, rune(random[i])) {
			random[i] = '_'
		}
	}
	set, err := projection.NewSet(projection.New("large", 1, []string{"added"},
		func(_ map[string]string, e *event.Event) (map[string]string, error) {
			return map[string]string{"data": string(random), e.ID: ""}, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	w.Parts.Applier = projection.NewApplier(set, w.View())
	var sizes []int
	w.Parts.Service = &effectstest.Service{Code: 1, On: []string{"added"},
		Do: func(_ context.Context, r *gateway.Reaction, _ gateway.Gateway) error {
			var state map[string]json.RawMessage
			if len(r.Before) > 0 && json.Unmarshal(r.Before, &state) != nil {
				return errors.New("the state before is no JSON")
			}
			sizes = append(sizes, len(r.Before))
			return nil
		}}
	w.add("a")
	w.add("b")
	w.add("c", "d")
	if len(sizes) != 4 || sizes[0] != 0 || slices.Min(sizes[1:]) < len(random) {
		t.Errorf("states before of %d bytes", sizes)
	}
}
