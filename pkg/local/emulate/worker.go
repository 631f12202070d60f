package emulate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/feed"
)

// worker invokes the function with the records of some partition keys of a
// shard, one batch after another.
type worker struct {
	mapping *Mapping
	shard   string
	queue   chan feed.Record
	tracker *tracker
}

func (w *worker) run(ctx context.Context) error {
	for {
		batch, err := w.next(ctx)
		if err != nil {
			return err
		}
		if err := w.deliver(ctx, batch); err != nil {
			return err
		}
	}
}

// next waits for a record and adds those that are queued, or that arrive within the
// mapping's window, up to a batch.
func (w *worker) next(ctx context.Context) ([]feed.Record, error) {
	first, err := w.receive(ctx, nil)
	if err != nil {
		return nil, err
	}
	batch, size := []feed.Record{first}, len(first.Data)
	over := time.NewTimer(w.mapping.Window)
	defer over.Stop()
	for len(batch) < batchRecords && size < batchBytes {
		r, err := w.receive(ctx, over.C)
		if errors.Is(err, errOver) {
			break
		}
		if err != nil {
			return nil, err
		}
		batch, size = append(batch, r), size+len(r.Data)
	}
	return batch, nil
}

// errOver says that no record arrived in time.
var errOver = errors.New("the window is over")

// receive returns a queued record, or waits for one until over or the end of ctx.
func (w *worker) receive(ctx context.Context, over <-chan time.Time) (feed.Record, error) {
	select {
	case r := <-w.queue:
		return r, nil
	default:
	}
	select {
	case r := <-w.queue:
		return r, nil
	case <-over:
		return feed.Record{}, errOver
	case <-ctx.Done():
		return feed.Record{}, ctx.Err()
	}
}

// deliver invokes the function until it has done every record.
func (w *worker) deliver(ctx context.Context, batch []feed.Record) error {
	backoff := firstBackoff
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
