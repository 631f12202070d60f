package platform

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"reprise/pkg/replay"
	"reprise/pkg/replay/pace"
)

// pump is the function whose lag decides whether load-events accepts events.
const pump = "pump-events"

// playbackConsumer is the function that takes in what replays deliver.
const playbackConsumer = "apply-playback"

// lagOf is the lag of a function, false while it is not known, which is logged if it is
// an error. Then nobody waits because of it.
func (p *Platform) lagOf(ctx context.Context, function string) (lag time.Duration, known bool) {
	lag, known, err := p.Lag(ctx, function)
	if err != nil {
		p.Log.LogAttrs(ctx, slog.LevelWarn, "lag not known",
			slog.String("function", function), slog.String("error", err.Error()))
	}
	return lag, known && err == nil
}

// pressure tells why a replay should be slower: live events wait, or its consumer is
// behind. An unknown lag is none.
func (p *Platform) pressure() pace.Pressure {
	if p.Lag == nil {
		return nil
	}
	return func(ctx context.Context) (pace.Reason, error) {
		for _, source := range []struct {
			function string
			most     time.Duration
			why      pace.Reason
		}{
			{pump, p.Settings.LiveLag, pace.LiveLag},
			{playbackConsumer, p.Settings.ConsumerLag, pace.ConsumerLag},
		} {
			if source.most == 0 {
				continue
			}
			if lag, known := p.lagOf(ctx, source.function); known && lag > source.most {
				return source.why, nil
			}
		}
		return "", nil
	}
}

// pacer holds a reader to the pace of a replay.
func (p *Platform) pacer(row replay.Row) *pace.Pacer {
	return &pace.Pacer{
		Table:     p.Table,
		Key:       replay.PaceKey(row.ID),
		Requested: row.Request.Rate,
		Readers:   row.Readers(),
		Pressure:  p.pressure(),
		Every:     p.Settings.LagEvery,
		Now:       p.Now,
		Sleep:     p.Sleep,
	}
}

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
			lag, known := p.lagOf(ctx, pump)
			over = known && lag > p.Settings.Retention/2
		}
		return over
	}
}
