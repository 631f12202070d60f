// Package microservice hands the events of the live path to business logic that
// has effects, behind the gateway.
//
// What lives here: decoding, order and redelivery. What must not: business
// logic, or a way to the outside that is not the gateway.
package microservice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/gateway"
)

// ErrBehind says that the log does not cover a record yet. No effect is ahead
// of the log.
var ErrBehind = errors.New("the log does not cover the record yet")

// Handler gives every event that the log covers to a service, an entity's in
// order, each at least once. It is safe for concurrent use.
type Handler struct {
	Service gateway.Service
	Outside gateway.Gateway
	Heads   eventlog.Heads
	Decoder *eventlog.Decoder
	Log     *slog.Logger
}

// Handle takes a batch in. Lanes do not wait for each other; the first record
// of each lane that is not done is named in the answer.
func (h *Handler) Handle(ctx context.Context, batch events.KinesisEvent) (events.KinesisEventResponse, error) {
	answer := events.KinesisEventResponse{BatchItemFailures: []events.KinesisBatchItemFailure{}}
	stopped := make(map[event.Lane]bool)
	for i := range batch.Records {
		record := &batch.Records[i].Kinesis
		lane, err := h.Decoder.Lanes.ParseKey(record.PartitionKey)
		if err != nil || stopped[lane] {
			// What belongs to no lane is the pump's to set aside.
			continue
		}
		if err := h.record(ctx, lane, record); err != nil {
			stopped[lane] = true
			answer.BatchItemFailures = append(answer.BatchItemFailures,
				events.KinesisBatchItemFailure{ItemIdentifier: record.SequenceNumber})
			h.Log.LogAttrs(ctx, level(err), "records come again",
				slog.String("lane", lane.String()), slog.String("error", err.Error()))
		}
	}
	return answer, nil
}

func level(err error) slog.Level {
	if errors.Is(err, ErrBehind) {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

func (h *Handler) record(ctx context.Context, lane event.Lane, record *events.KinesisRecord) error {
	in := eventlog.Incoming{Sequence: record.SequenceNumber,
		Arrival: record.ApproximateArrivalTimestamp.UnixMilli(), Data: record.Data}
	decoded, err := h.Decoder.Decode(lane, in)
	var bad *eventlog.Undecodable
	if errors.As(err, &bad) {
		return nil // the pump quarantines it
	}
	if err != nil {
		return fmt.Errorf("decode record: %w", err)
	}
	head, err := h.Heads.Load(ctx, lane)
	if err != nil {
		return err
	}
	if decoded.Last > head.Position {
		return fmt.Errorf("react to record of lane %s: %w", lane, ErrBehind)
	}
	for i := range decoded.Events {
		if err := h.react(ctx, lane, &decoded.Events[i].Event); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) react(ctx context.Context, lane event.Lane, e *event.Event) error {
	err := h.Service.React(ctx, e, h.Outside)
	if errors.Is(err, gateway.ErrRefused) {
		h.Log.LogAttrs(ctx, slog.LevelWarn, "effect refused", slog.String("lane", lane.String()), slog.String("error", err.Error()))
		return nil
	}
	if err != nil {
		return fmt.Errorf("react to event: %w", err)
	}
	return nil
}
