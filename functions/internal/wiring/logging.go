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
