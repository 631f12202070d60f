package consume

import (
	"context"
	"log/slog"
	"strconv"
	"sync"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/meter/spending"
	"reprise/pkg/replay"
)

// ApplyPlayback consumes the playback stream. It is safe for concurrent use.
type ApplyPlayback struct {
	Consumer *replay.Consumer
	Log      *slog.Logger
	// Spending records the cost of a batch, divided among its replays by their
	// events; nil records nothing.
	Spending *spending.Recorder
}

// spendingShards is the number of documents of a replay to which batches add
// their cost. Concurrent batches have different lanes.
const spendingShards = 16

// Handle applies a batch, lane by lane.
func (h *ApplyPlayback) Handle(ctx context.Context, batch events.KinesisEvent) (events.KinesisEventResponse, error) {
	divided, foreign := byLane(h.Consumer.Lanes, batch.Records)
	if len(foreign) > 0 {
		h.Log.LogAttrs(ctx, slog.LevelError, "playback records of no lane dropped", slog.Int("records", len(foreign)))
	}
	shares := &weighed{replays: make(map[string]int64)}
	answer := eachLane(ctx, h.Log, divided, func(ctx context.Context, l *laneRecords) (int, error) {
		return h.consume(ctx, l, shares)
	})
	if len(divided) > 0 {
		shard := strconv.Itoa(int(divided[0].lane) % spendingShards)
		if err := h.Spending.KeepShared(ctx, shares.replays, shard); err != nil {
			h.Log.LogAttrs(ctx, slog.LevelWarn, "cost not kept", slog.String("error", err.Error()))
		}
	}
	return answer, nil
}

// weighed counts a batch's events per replay. It is safe for concurrent use.
type weighed struct {
	mu      sync.Mutex
	replays map[string]int64
}

func (w *weighed) add(replays map[string]int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, weight := range replays {
		w.replays[id] += weight
	}
}

func (h *ApplyPlayback) consume(ctx context.Context, l *laneRecords, shares *weighed) (int, error) {
	records := make([][]byte, len(l.records))
	for i := range l.records {
		records[i] = l.records[i].Data
	}
	consumed, err := h.Consumer.Consume(ctx, l.lane, records)
	shares.add(consumed.Replays)
	if err != nil {
		return 0, err
	}
	if consumed.Gaps > 0 {
		h.Log.LogAttrs(ctx, slog.LevelWarn, "playback records behind a gap dropped; the lane will be read again",
			slog.String("lane", l.lane.String()), slog.Int("records", consumed.Gaps))
	}
	if consumed.Damaged > 0 {
		h.Log.LogAttrs(ctx, slog.LevelError, "damaged playback records dropped; the lane will be read again",
			slog.String("lane", l.lane.String()), slog.Int("records", consumed.Damaged))
	}
	if consumed.Refused > 0 {
		h.Log.LogAttrs(ctx, slog.LevelWarn,
			"playback records dropped; their rebuild cannot continue and will fail with a named error",
			slog.String("lane", l.lane.String()), slog.Int("records", consumed.Refused))
	}
	return len(l.records), nil
}
