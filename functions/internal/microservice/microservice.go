package microservice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

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
	// Patience is how long a batch waits for the pump before it gives up, and
	// Pause how it waits.
	Patience time.Duration
	Pause    func(ctx context.Context, d time.Duration) error
	Log      *slog.Logger
}

// batchHeads are the heads that a batch has seen. One lane that the log does not
// cover in time ends the waiting for all.
type batchHeads struct {
	handler  *Handler
	seen     map[event.Lane]event.Position
	patience time.Duration
}

// cover returns ErrBehind unless the log covers a lane up to a position.
func (b *batchHeads) cover(ctx context.Context, lane event.Lane, at event.Position) error {
	if at <= b.seen[lane] {
		return nil
	}
	head, err := b.handler.Heads.Await(ctx, lane, func(head eventlog.Head) bool { return at <= head.Position }, b.patience, b.handler.Pause)
	if err != nil {
		return err
	}
	b.seen[lane] = head.Position
	if at > head.Position {
		b.patience = 0
		return fmt.Errorf("react to record of lane %s: %w", lane, ErrBehind)
	}
	return nil
}

// Handle takes a batch in. Lanes do not wait for each other; the first record
// of each lane that is not done is named in the answer.
func (h *Handler) Handle(ctx context.Context, batch events.KinesisEvent) (events.KinesisEventResponse, error) {
	answer := events.KinesisEventResponse{BatchItemFailures: []events.KinesisBatchItemFailure{}}
	stopped := make(map[event.Lane]bool)
	heads := &batchHeads{handler: h, seen: make(map[event.Lane]event.Position), patience: h.Patience}
	for i := range batch.Records {
		record := &batch.Records[i].Kinesis
		lane, err := h.Decoder.Lanes.ParseKey(record.PartitionKey)
		if err != nil || stopped[lane] {
			// What belongs to no lane is the pump's to set aside.
			continue
		}
		if err := h.record(ctx, lane, record, heads); err != nil {
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

func (h *Handler) record(ctx context.Context, lane event.Lane, record *events.KinesisRecord, heads *batchHeads) error {
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
	if err := heads.cover(ctx, lane, decoded.Last); err != nil {
		return err
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
