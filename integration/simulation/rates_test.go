package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// rateStream is the stream of the random source for rates.
const rateStream = 10

// chooseRates draws from its own random source, so that a seed's world does not change
// unless people set the rates of its replays.
func (w *world) chooseRates() {
	r := rand.New(rand.NewPCG(w.seed, rateStream))
	if w.drawn.rates = r.IntN(3) == 0 && w.attacks.rates; !w.drawn.rates {
		return
	}
	for _, replay := range w.order {
		replay.rates = r.IntN(3)
		if r.IntN(3) == 0 {
			replay.request.Rate = []int{1, 20, 1_000}[r.IntN(3)]
		}
	}
}

// setRates plays a person who sets a replay's rate a few times. The last one is no limit.
func (m *machine) setRates(driver *actor) {
	for i := range 2 + driver.random.IntN(4) {
		if driver.pause(driver.ctx, driver.random.Int64N(20_000)) != nil {
			return
		}
		rate := []int{0, 1, 2, 7, 100, 1_000_000}[driver.random.IntN(6)]
		if i > 0 && driver.random.IntN(4) == 0 {
			rate = 0
		}
		if _, alive := m.ask(driver, "rate", func(ctx context.Context, a *actor) error {
			_, err := m.world.serviceOf(a).SetRate(ctx, m.replay.id, rate)
			return err
		}); !alive {
			return
		}
	}
}

func sliceSuffix(slice int) string { return fmt.Sprintf("#%04d", slice) }
