package wiring

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"reprise/pkg/meter"
)

// accounted logs the end of every invocation.
type accounted struct {
	lambda.Handler
	log  *slog.Logger
	now  func() time.Time
	used *meter.Outstanding
}

// Accounted returns a handler that ends every invocation with exactly one log line,
// "invocation ended": its duration, and the units it used, in total and by part. The
// first line includes what opening the platform used. Payloads and errors pass
// unchanged: Lambda reports errors by their type, which wrapping would hide. It
// expects one invocation at a time.
func Accounted(p *Platform, h lambda.Handler) lambda.Handler {
	return accounted{Handler: h, log: p.Log, now: p.Now, used: meter.NewOutstanding(p.Meter)}
}

// Invoke implements lambda.Handler.
func (a accounted) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	began, outcome := a.now(), "panic"
	defer func() {
		used := a.used.Take()
		attrs := []slog.Attr{slog.String("outcome", outcome), slog.Duration("took", a.now().Sub(began)), byPart(used)}
		a.log.LogAttrs(ctx, slog.LevelInfo, "invocation ended", append(attrs, units(used.Total())...)...)
	}()
	answer, err := a.Handler.Invoke(ctx, payload)
	if outcome = "fine"; err != nil {
		outcome = "error"
	}
	return answer, err
}

// units returns an attribute per unit, also for 0, since queries sum them.
func units(u meter.Usage) []slog.Attr {
	return []slog.Attr{slog.Float64("writeUnits", u.WriteUnits), slog.Float64("readUnits", u.ReadUnits),
		slog.Float64("putUnits", u.PutUnits)}
}

func byPart(used meter.Snapshot) slog.Attr {
	all := make([]slog.Attr, 0, len(used))
	for _, name := range slices.Sorted(maps.Keys(used)) {
		all = append(all, slog.Attr{Key: name, Value: slog.GroupValue(units(used[name])...)})
	}
	return slog.Attr{Key: "parts", Value: slog.GroupValue(all...)}
}
