package emulate

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/feed"
)

// worker invokes the function with the records of some partition keys of a
// shard, one batch after another.
type worker struct {
	mapping *Mapping
	shard   string
	queue   *queue
	tracker *tracker
}

func (w *worker) run(ctx context.Context) error {
	for {
		batch, err := w.queue.take(ctx, w.mapping.Window)
		if err != nil {
			return err
		}
		if err := w.deliver(ctx, batch); err != nil {
			return err
		}
	}
}

// deliver invokes the function until it has done every record.
func (w *worker) deliver(ctx context.Context, batch []feed.Record) error {
	backoff, failed := firstBackoff, false
	defer func() {
		if failed {
			w.tracker.fail(-1)
		}
	}()
	for len(batch) > 0 {
		done := w.invoke(ctx, batch)
		for _, r := range batch[:done] {
			w.tracker.end(r.Sequence)
		}
		batch = batch[done:]
		if done > 0 {
			backoff = firstBackoff
		}
		if len(batch) == 0 {
			return nil
		}
		if !failed {
			failed = true
			w.tracker.fail(1)
		}
		if err := Sleep(ctx, backoff); err != nil {
			return err
		}
		backoff = min(2*backoff, lastBackoff)
	}
	return nil
}

// invoke returns how many leading records are done.
func (w *worker) invoke(ctx context.Context, batch []feed.Record) int {
	answer, err := w.call(ctx, w.event(batch))
	if err != nil {
		if ctx.Err() == nil {
			w.mapping.Log.LogAttrs(ctx, slog.LevelWarn, "function failed; its batch will be retried",
				slog.String("consumer", w.mapping.Consumer), slog.String("shard", w.shard), slog.String("error", err.Error()))
		}
		return 0
	}
	done := len(batch)
	for _, failure := range answer.BatchItemFailures {
		at := slices.IndexFunc(batch, func(r feed.Record) bool { return r.Sequence == failure.ItemIdentifier })
		if at < 0 {
			return 0 // Lambda takes an unknown or empty id for a failed batch
		}
		done = min(done, at)
	}
	return done
}

func (w *worker) call(ctx context.Context, batch events.KinesisEvent) (answer events.KinesisEventResponse, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("function panicked: %v\n%s", cause, debug.Stack())
		}
	}()
	return w.mapping.Function(ctx, batch)
}

func (w *worker) event(batch []feed.Record) events.KinesisEvent {
	out := events.KinesisEvent{Records: make([]events.KinesisEventRecord, len(batch))}
	for i, r := range batch {
		out.Records[i] = events.KinesisEventRecord{
			AwsRegion:      w.mapping.Region,
			EventID:        w.shard + ":" + r.Sequence,
			EventName:      "aws:kinesis:record",
			EventSource:    "aws:kinesis",
			EventSourceArn: w.mapping.Description.ARN,
			EventVersion:   "1.0",
			Kinesis: events.KinesisRecord{
				ApproximateArrivalTimestamp: events.SecondsEpochTime{Time: r.Arrival},
				Data:                        r.Data,
				PartitionKey:                r.Key,
				SequenceNumber:              r.Sequence,
				KinesisSchemaVersion:        "1.0",
			},
		}
	}
	return out
}
