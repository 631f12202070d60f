package platform

import (
	"context"
	"log/slog"
)

// Step is a function that the replay state machine calls.
type Step[In, Out any] = func(context.Context, In) (Out, error)

// worked is the input of a step: it names the replay and the worker.
type worked interface{ Work() (id, worker string) }

// told is a step that logs its end, and keeps what it used with its replay,
// whether it failed or not. The error passes as it is: its name is what the
// machine retries or catches.
func told[In worked, Out any](p *Platform, step Step[In, Out]) Step[In, Out] {
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

// keepCost keeps what an invocation used. That this failed must not show in
// what the invocation was for: the next one keeps it.
func (p *Platform) keepCost(ctx context.Context, id, worker string) {
	if err := p.spending.Keep(ctx, id, worker); err != nil {
		p.Log.LogAttrs(ctx, slog.LevelWarn, "cost not kept", slog.String("replay", id), slog.String("error", err.Error()))
	}
}

// nudged is a step after which the consumers are looked at.
func nudged[In, Out any](p *Platform, step Step[In, Out]) Step[In, Out] {
	return func(ctx context.Context, in In) (Out, error) {
		out, err := step(ctx, in)
		if err != nil {
			return out, err
		}
		if err := p.Nudge(ctx); err != nil {
			// The schedule looks a few minutes later.
			p.Log.LogAttrs(ctx, slog.LevelWarn, "consumers not nudged", slog.String("error", err.Error()))
		}
		return out, nil
	}
}
