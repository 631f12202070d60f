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

// Step logs the end of a step of the replay state machine. The error passes as
// it is: its name is what the machine retries or catches.
func Step[In, Out any](p *Platform, replayOf func(In) string, step func(context.Context, In) (Out, error),
) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (Out, error) {
		began := p.Now()
		out, err := step(ctx, in)
		level, text := slog.LevelInfo, ""
		if err != nil {
			level, text = slog.LevelWarn, err.Error()
		}
		p.Log.LogAttrs(ctx, level, "step ended", slog.String("replay", replayOf(in)),
			slog.Duration("took", p.Now().Sub(began)), slog.String("error", text))
		return out, err
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
