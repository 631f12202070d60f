package consume

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/effects"
	"reprise/pkg/projection"
)

// Microservice lets a service react to the events of the log. An entity whose reaction
// fails waits, and its lane goes on; records are retried only if a store fails, or if the
// log does not cover them yet. It does not react to late events, which the pump
// quarantines. It is safe for concurrent use.
type Microservice struct {
	// Reactor is nil without a service: then no record is decoded.
	Reactor *effects.Reactor
	Live    *projection.Live
	Log     *slog.Logger
}

// Handle handles a batch, lane by lane.
func (h *Microservice) Handle(ctx context.Context, batch events.KinesisEvent) (events.KinesisEventResponse, error) {
	if h.Reactor == nil {
		return response(nil), nil
	}
	// The pump sets aside records of no lane.
	divided, _ := byLane(h.Live.Decoder.Lanes, batch.Records)
	return eachLane(ctx, h.Log, divided, h.react), nil
}

func (h *Microservice) react(ctx context.Context, l *laneRecords) (int, error) {
	written, err := h.Live.Follow(ctx, h.Reactor, l.lane, l.records)
	if written.Late > 0 {
		h.Log.LogAttrs(ctx, slog.LevelWarn, "late events not reacted to; the pump quarantines them",
			slog.String("lane", l.lane.String()), slog.Int("events", written.Late))
	}
	return written.Done, err
}
