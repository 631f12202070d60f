package wiring

import (
	"context"
	"io"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// NewLog returns a logger that writes JSON lines with the request's id.
// Payloads are never logged: handlers name lanes, replays and counts.
func NewLog(w io.Writer, function string) *slog.Logger {
	return slog.New(requests{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo})}).
		With(slog.String("function", function))
}

// requests adds the id of the Lambda request that a context belongs to.
type requests struct{ slog.Handler }

func (h requests) Handle(ctx context.Context, record slog.Record) error {
	if invocation, found := lambdacontext.FromContext(ctx); found {
		record.AddAttrs(slog.String("request", invocation.AwsRequestID))
	}
	return h.Handler.Handle(ctx, record)
}

func (h requests) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requests{h.Handler.WithAttrs(attrs)}
}

func (h requests) WithGroup(name string) slog.Handler { return requests{h.Handler.WithGroup(name)} }

// worked is the input of a step: it names the replay and the worker.
type worked interface{ Work() (id, worker string) }

// Step logs the end of a step of the replay state machine, and keeps what it used
// with its replay, whether it failed or not. The error passes as it is: its name
// is what the machine retries or catches.
func Step[In worked, Out any](p *Platform, step func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
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

// Nudged is a step after which the consumers are looked at.
func Nudged[In, Out any](p *Platform, step func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
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
