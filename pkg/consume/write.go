package consume

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/datastore"
	"reprise/pkg/projection"
)

// Write keeps one generation of the Data Store up to date. It is safe for
// concurrent use.
type Write struct {
	Live *projection.Live
	// Generation is the id of the generation.
	Generation string
	Log        *slog.Logger
}

// Handle folds a batch into the generation, lane by lane.
func (h *Write) Handle(ctx context.Context, batch events.KinesisEvent) (events.KinesisEventResponse, error) {
	// The pump sets aside records of no lane.
	divided, _ := byLane(h.Live.Decoder.Lanes, batch.Records)
	return eachLane(ctx, h.Log, divided, h.write), nil
}

func (h *Write) write(ctx context.Context, l *laneRecords) (int, error) {
	written, err := h.Live.Write(ctx, h.Generation, l.lane, l.records)
	if written.Parked > 0 || written.Conflicts > 0 {
		h.Log.LogAttrs(ctx, slog.LevelWarn, "events set aside", slog.String("lane", l.lane.String()),
			slog.String("generation", h.Generation), slog.Int64("parked", written.Parked),
			slog.Int64("conflicts", written.Conflicts), slog.String("list", "reprise parked list"))
	}
	if written.Corrections > 0 {
		h.Log.LogAttrs(ctx, slog.LevelInfo, "corrections applied", slog.String("lane", l.lane.String()),
			slog.String("generation", h.Generation), slog.Int64("corrections", written.Corrections),
			slog.Int64("skipped", written.Skipped),
			slog.Int64("reversed", written.Reversed), slog.Int64("withoutEffect", withoutEffect(&written.Tally)))
	}
	if written.Refolded > 0 || written.Left > 0 {
		h.Log.LogAttrs(ctx, slog.LevelInfo, "entities folded again", slog.String("lane", l.lane.String()),
			slog.String("generation", h.Generation), slog.Int64("entities", written.Refolded),
			slog.Int64("left", written.Left))
	}
	if written.Late > 0 {
		h.Log.LogAttrs(ctx, slog.LevelError, "late events not folded in; the pump quarantines them",
			slog.String("lane", l.lane.String()), slog.String("generation", h.Generation), slog.Int("events", written.Late))
	}
	if written.Lost || written.Missed > 0 {
		h.Log.LogAttrs(ctx, slog.LevelError, "generation is lost; a rebuild has to replace it",
			slog.String("lane", l.lane.String()), slog.String("generation", h.Generation), slog.Int("missed", written.Missed))
	}
	return written.Done, err
}

// withoutEffect is about the number of corrections that changed nothing. A reversal skips
// an event, or takes that back.
func withoutEffect(t *projection.Tally) int64 {
	return max(0, t.Corrections-t.Refolded-t.Reversed-max(0, t.Skipped-t.Reversed))
}

// levelOf is lower for errors that pass by themselves.
func levelOf(err error) slog.Level {
	switch {
	case errors.Is(err, projection.ErrBehind), errors.Is(err, datastore.ErrHeld), errors.Is(err, context.Canceled),
		errors.Is(err, projection.ErrDetached),
		errors.Is(err, projection.ErrOtherVersion): // said once, when the platform starts
		return slog.LevelDebug
	}
	return slog.LevelWarn
}
