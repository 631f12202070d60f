package consume

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/eventlog"
)

// Pump writes the event stream into the event log. It is safe for concurrent
// use.
type Pump struct {
	Pump *eventlog.Pump
	Log  *slog.Logger
}

// Handle commits a batch, lane by lane.
func (h *Pump) Handle(ctx context.Context, batch events.KinesisEvent) (events.KinesisEventResponse, error) {
	divided, foreign := byLane(h.Pump.Decoder.Lanes, batch.Records)
	for _, in := range foreign {
		if err := h.Pump.SetAside(ctx, in); err != nil {
			logRetried(ctx, h.Log, err, slog.String("sequence", in.Sequence))
			return response([]string{in.Sequence}), nil
		}
		h.Log.LogAttrs(ctx, slog.LevelError, "record of no lane quarantined", slog.String("sequence", in.Sequence))
	}
	return eachLane(ctx, h.Log, divided, h.commit), nil
}

func (h *Pump) commit(ctx context.Context, l *laneRecords) (int, error) {
	committed, err := h.Pump.Commit(ctx, l.lane, l.records)
	if err != nil {
		return 0, err
	}
	if committed.Undecodable > 0 || committed.Late > 0 {
		h.Log.LogAttrs(ctx, slog.LevelError, "records quarantined", slog.String("lane", l.lane.String()),
			slog.Int("undecodable", committed.Undecodable), slog.Int("late", committed.Late))
	}
	return len(l.records), nil
}
