package consume

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
	"reprise/pkg/projection"
)

// Microservice passes every event of the log to a service at least once, the
// events of an entity in order. It does not pass on late events, which the pump
// quarantines. It is safe for concurrent use.
type Microservice struct {
	// Service may be nil: then no record is decoded.
	Service gateway.Service
	Outside gateway.Gateway
	Heads   eventlog.Heads
	Decoder *eventlog.Decoder
	// Patience is how long a batch waits for the pump, with Sleep.
	Patience time.Duration
	Sleep    func(ctx context.Context, d time.Duration) error
	Log      *slog.Logger
}

// batchHeads are the heads that a batch has read. After one lane has exhausted
// the patience, no other lane waits.
type batchHeads struct {
	handler  *Microservice
	seen     map[event.Lane]eventlog.Head
	patience time.Duration
}

// has reports whether the log contains the record that ends at a position. It
// fails with projection.ErrBehind if the lane's head does not cover the position.
func (b *batchHeads) has(ctx context.Context, lane event.Lane, end event.Position) (bool, error) {
	head := b.seen[lane]
	if end > head.Position {
		var err error
		enough := func(head eventlog.Head) bool { return end <= head.Position }
		if head, err = b.handler.Heads.Await(ctx, lane, enough, b.patience, b.handler.Sleep); err != nil {
			return false, err
		}
		b.seen[lane] = head
	}
	if end > head.Position {
		b.patience = 0
		return false, fmt.Errorf("react to record of lane %s: %w", lane, projection.ErrBehind)
	}
	if !head.Listed(end) {
		return true, nil // a log of an earlier version, which does not list late records
	}
	_, in, err := b.handler.Heads.CountAt(ctx, lane, &head, end)
	return in, err
}

// Handle handles a batch. A failure in one lane does not stop the others; the
// response names the first record of each lane that is not done.
func (h *Microservice) Handle(ctx context.Context, batch events.KinesisEvent) (events.KinesisEventResponse, error) {
	if h.Service == nil {
		return response(nil), nil
	}
	// The pump sets aside records of no lane.
	divided, _ := byLane(h.Decoder.Lanes, batch.Records)
	heads := &batchHeads{handler: h, seen: make(map[event.Lane]eventlog.Head), patience: h.Patience}
	failed := make([]string, len(divided))
	for i, l := range divided {
		for _, in := range l.records {
			if err := h.record(ctx, l.lane, in, heads); err != nil {
				failed[i] = in.Sequence
				logRetried(ctx, h.Log, err, slog.String("lane", l.lane.String()))
				break
			}
		}
	}
	return response(failed), nil
}

func (h *Microservice) record(ctx context.Context, lane event.Lane, in eventlog.Incoming, heads *batchHeads) error {
	decoded, err := h.Decoder.Decode(lane, in)
	var bad *eventlog.Undecodable
	if errors.As(err, &bad) {
		return nil // the pump quarantines it
	}
	if err != nil {
		return fmt.Errorf("decode record: %w", err)
	}
	logged, err := heads.has(ctx, lane, decoded.Last)
	if err != nil {
		return err
	}
	if !logged {
		h.Log.LogAttrs(ctx, slog.LevelWarn, "late events not reacted to; the pump quarantines them",
			slog.String("lane", lane.String()), slog.Int("events", len(decoded.Events)))
		return nil
	}
	for i := range decoded.Events {
		if err := h.react(ctx, lane, &decoded.Events[i].Event); err != nil {
			return err
		}
	}
	return nil
}

func (h *Microservice) react(ctx context.Context, lane event.Lane, e *event.Event) error {
	err := h.Service.React(ctx, e, h.Outside)
	if errors.Is(err, gateway.ErrRefused) {
		h.Log.LogAttrs(
			ctx,
			slog.LevelWarn,
			"effect refused",
			slog.String("lane", lane.String()),
			slog.String("error", err.Error()),
		)
		return nil
	}
	if err != nil {
		return fmt.Errorf("react to event: %w", err)
	}
	return nil
}
