package effects_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

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
