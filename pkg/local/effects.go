package local

import (
	"context"
	"log/slog"
	"time"
)

const (
	// effectsEvery is how often entities whose effects wait are looked for while something
	// is written, effectsIdle how often while nothing is.
	effectsEvery = time.Second
	effectsIdle  = time.Minute
)

// retryEffects takes up the effects of entities that wait, when they are due, until ctx
// ends. It logs an error once until it changes or passes.
func (p *Platform) retryEffects(ctx context.Context) error {
	logged := ""
	for {
		writes, swept := p.writes(), time.Now()
		due, err := p.sweepEffects(ctx)
		switch {
		case err == nil:
			logged = ""
		case ctx.Err() == nil && err.Error() != logged:
			logged = err.Error()
			p.options.Log.LogAttrs(ctx, slog.LevelWarn, "effects that wait are not taken up; retrying",
				slog.String("error", logged))
		}
		latest := swept.Add(effectsIdle)
		if !due.IsZero() && due.Before(latest) {
			latest = due
		}
		if p.untilDue(ctx, writes, latest) != nil {
			return nil
		}
	}
}

func (p *Platform) sweepEffects(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, functionTimeout)
	defer cancel()
	return p.core.RetryEffects(ctx)
}

// untilDue waits until something was written since so many writes, or it is latest, and at
// least for a moment. It returns the error of ctx.
func (p *Platform) untilDue(ctx context.Context, writes uint64, latest time.Time) error {
	const moment = 50 * time.Millisecond
	timer := time.NewTimer(max(moment, time.Until(latest)))
	defer timer.Stop()
	ticker := time.NewTicker(effectsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if p.writes() != writes {
				return nil
			}
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
