package platform

import (
	"context"
	"log/slog"
)

// Step is a function that the replay state machine calls.
type Step[In, Out any] = func(context.Context, In) (Out, error)

// worked is the input of a step, which names the replay and the worker.
type worked interface{ Work() (id, worker string) }

// logged wraps a step: it logs the end and records the cost, whether the step
// failed or not. It returns the error unchanged, because the state machine
// retries or catches it by name.
func logged[In worked, Out any](p *Platform, step Step[In, Out]) Step[In, Out] {
	return func(ctx context.Context, in In) (Out, error) {
		began := p.Now()
		id, worker := in.Work()
		out, err := step(ctx, in)
		level, text := slog.LevelInfo, ""
		if err != nil {
			level, text = slog.LevelWarn, err.Error()
		}
		p.Log.LogAttrs(ctx, level, "step ended", slog.String("replay", id),
			slog.Duration("took", p.Now().Sub(began)), slog.String("error", text))
		p.keepCost(ctx, id, worker)
		return out, err
	}
}

// keepCost records the cost of an invocation. A failure of this must not fail the
// invocation: the next one records the cost.
func (p *Platform) keepCost(ctx context.Context, id, worker string) {
	if err := p.spending.Keep(ctx, id, worker); err != nil {
		p.Log.LogAttrs(ctx, slog.LevelWarn, "cost not kept", slog.String("replay", id), slog.String("error", err.Error()))
	}
}

// waking wraps a step: it wakes the keeper of consumers after a success.
func waking[In, Out any](p *Platform, step Step[In, Out]) Step[In, Out] {
	return func(ctx context.Context, in In) (Out, error) {
		out, err := step(ctx, in)
		if err != nil {
			return out, err
		}
		if err := p.WakeKeeper(ctx); err != nil {
			// The schedule runs the keeper a few minutes later.
			p.Log.LogAttrs(ctx, slog.LevelWarn, "keeper of consumers not woken", slog.String("error", err.Error()))
		}
		return out, nil
	}
}
