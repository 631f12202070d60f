package wiring

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"reprise/pkg/api"
)

// LagReader tells how far behind its stream a function was of late; ok is
// false where that is not known.
type LagReader interface {
	Lag(ctx context.Context, function string) (lag time.Duration, ok bool, err error)
}

// RunningExecutions lists the executions of the replay state machine that run.
type RunningExecutions interface {
	Running(ctx context.Context) ([]api.ExecutionStatus, error)
}

// lookEvery is how often an environment of Load asks for the pump's lag. The
// metric itself has a value a minute.
const lookEvery = time.Minute

// overloaded reports that the pump is half of the retention behind, as of at
// most a minute ago. What cannot be known does not stop the live path.
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
		if now := p.Now(); looked.IsZero() || now.Sub(looked) >= lookEvery {
			looked = now
			lag, known, err := p.Lag.Lag(ctx, p.Settings.Names.Function("pump-events"))
			if err != nil {
				p.Log.LogAttrs(ctx, slog.LevelWarn, "lag of the pump not known", slog.String("error", err.Error()))
			}
			over = err == nil && known && lag > p.Settings.Retention/2
		}
		return over
	}
}
