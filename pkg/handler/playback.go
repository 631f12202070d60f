package handler

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/replay"
)

// ApplyPlayback takes the playback stream in. It is safe for concurrent use.
type ApplyPlayback struct {
	Consumer *replay.Consumer
	Log      *slog.Logger
}

// Handle takes a batch in, lane by lane.
func (h *ApplyPlayback) Handle(ctx context.Context, batch events.KinesisEvent) (events.KinesisEventResponse, error) {
	divided, foreign := byLane(h.Consumer.Lanes, batch.Records)
	if len(foreign) > 0 {
		h.Log.LogAttrs(ctx, slog.LevelError, "playback records of no lane dropped", slog.Int("records", len(foreign)))
	}
	return eachLane(ctx, h.Log, divided, h.consume), nil
}

func (h *ApplyPlayback) consume(ctx context.Context, l *laneRecords) (int, error) {
	records := make([][]byte, len(l.records))
	for i := range l.records {
		records[i] = l.records[i].Data
	}
	consumed, err := h.Consumer.Consume(ctx, l.lane, records)
	if err != nil {
		return 0, err
	}
	if consumed.Gaps > 0 {
		h.Log.LogAttrs(ctx, slog.LevelWarn, "playback records behind a gap dropped; the lane will be read again",
			slog.String("lane", l.lane.String()), slog.Int("records", consumed.Gaps))
	}
	return len(l.records), nil
}
