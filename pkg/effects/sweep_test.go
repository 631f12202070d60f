package effects_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/effects"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/gateway"
	"reprise/pkg/platform/platformtest"
)

// Entities that wait are taken up side by side: with a slow system one after the other would
// take as long as all calls together.
func TestEntitiesThatWaitAreTakenUpSideBySide(t *testing.T) {
	w := newWitness(t)
	ahead := time.Duration(0)
	w.Parts.Now = func() time.Time { return time.Now().Add(ahead) }
	const entities, atOnce = 32, 16
	var down atomic.Bool
	var inside atomic.Int64
	down.Store(true)
	meet := make(chan struct{}, entities)
	w.Parts.Service = &effectstest.Service{Code: 1, On: []string{"added"},
		Do: func(ctx context.Context, _ *gateway.Reaction, _ gateway.Gateway) error {
			if down.Load() {
				return errors.New("down")
			}
			if inside.Add(1)%atOnce == 0 {
				for range atOnce {
					meet <- struct{}{}
				}
			}
			select {
			case <-meet:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
	p := w.Platform()
	for i := range entities {
		platformtest.Send(t, p, fmt.Sprintf(`{"specversion":"1.0","id":"a","source":"s","type":"added","subject":"x%d"}`, i))
	}
	w.deliver(p)
	down.Store(false)
	ahead = time.Hour
	if _, err := p.RetryEffects(t.Context()); err != nil {
		t.Fatal(err)
	}
	if held := w.waiting(); inside.Load() != entities || len(held) != 0 {
		t.Errorf("%d reactions began, %d entities or more wait", inside.Load(), len(held))
	}
}

// waitingMany are entities that all wait, in the order of the list, and the names of those
// for which the service goes on failing.
func waitingMany(t *testing.T, entities int) (w *witness, held []effects.Held, fails map[string]bool) {
	t.Helper()
	w, fails = newWitness(t), make(map[string]bool)
	ahead, down := time.Duration(0), true
	w.Parts.Now = func() time.Time { return time.Now().Add(ahead) }
	var mu sync.Mutex
	w.Parts.Service = &effectstest.Service{Code: 1, On: []string{"added"},
		Do: func(_ context.Context, r *gateway.Reaction, _ gateway.Gateway) error {
			mu.Lock()
			defer mu.Unlock()
			if down || fails[r.Event.Subject] {
				return errors.New("down")
			}
			return nil
		}}
	p := w.Platform()
	for i := range entities {
		platformtest.Send(t, p, fmt.Sprintf(`{"specversion":"1.0","id":"a","source":"s","type":"added","subject":"x%d"}`, i))
	}
	w.deliver(p)
	down, ahead = false, time.Hour
	held, _, err := effects.Ledger{Table: p.Effects}.Waiting(t.Context(), "", entities+1)
	if err != nil || len(held) != entities {
		t.Fatalf("%d wait, %v", len(held), err)
	}
	return w, held, fails
}

// A sweep that has no time for all goes on where the last one ended, so that those at the
// begin of the list, who fail again and again, keep nobody else waiting.
func TestASweepGoesOnWhereTheLastOneEnded(t *testing.T) {
	const entities, failing = 40, 16
	w, held, fails := waitingMany(t, entities)
	for i := range failing {
		fails[held[i].Entity] = true
	}
	reactor, err := effects.NewReactor(w.reactor())
	if err != nil {
		t.Fatal(err)
	}
	for range 4 { // each has time for 16 only
		if _, err := reactor.Sweep(t.Context(), w.Parts.Now()); err != nil {
			t.Fatal(err)
		}
	}
	left, _, err := effects.Ledger{Table: w.Parts.Effects}.Waiting(t.Context(), "", entities)
	if err != nil || len(left) != failing {
		t.Errorf("%d wait, want %d, %v", len(left), failing, err)
	}
}

// An entity that cannot be taken up now stops no other.
func TestASweepGoesOnPastWhatFails(t *testing.T) {
	const entities = 40
	w, held, _ := waitingMany(t, entities)
	reacting := w.reactor()
	reacting.Ledger.Table = broken{reacting.Ledger.Table, held[2].Entity}
	reactor, err := effects.NewReactor(reacting)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reactor.Sweep(t.Context(), w.Parts.Now().Add(time.Hour)); !errors.Is(err, effectstest.ErrChaos) {
		t.Errorf("the error is not told: %v", err)
	}
	left, _, err := effects.Ledger{Table: w.Parts.Effects}.Waiting(t.Context(), "", entities)
	if err != nil || len(left) != 1 || left[0].Entity != held[2].Entity {
		t.Errorf("%d wait, %v", len(left), err)
	}
}

// broken cannot read what is kept of one entity.
type broken struct {
	control.Table
	entity string
}

func (b broken) Get(ctx context.Context, key control.Key) (control.Document, error) {
	if key.Sort == b.entity {
		return control.Document{}, effectstest.ErrChaos
	}
	return b.Table.Get(ctx, key)
}
