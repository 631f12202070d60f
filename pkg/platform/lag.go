package platform

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// pump is the function whose lag decides whether load-events accepts events.
const pump = "pump-events"

// overloaded reports whether the pump's lag exceeds half of the retention. It
// reads the lag at most once per LagEvery. An unknown lag does not stop the live
// path.
func (p *Platform) overloaded() func(context.Context) bool {
	if p.Lag == nil {
		return nil
	}
	var mu sync.Mutex
	var looked time.Time
	var over bool
	return func(ctx context.Context) bool {
		mu.Lock()
		defer mu.Unlock()
		if now := p.Now(); looked.IsZero() || now.Sub(looked) >= p.Settings.LagEvery {
			looked = now
			lag, known, err := p.Lag(ctx, pump)
			if err != nil {
				p.Log.LogAttrs(ctx, slog.LevelWarn, "lag of the pump not known", slog.String("error", err.Error()))
			}
			over = err == nil && known && lag > p.Settings.Retention/2
		}
		return over
	}
}
