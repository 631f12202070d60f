package consume

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/errgroup"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// lanesAtOnce limits how many lanes of a batch are handled concurrently.
const lanesAtOnce = 16

// laneRecords are the records of one lane in a batch, in stream order.
type laneRecords struct {
	lane    event.Lane
	records []eventlog.Incoming
}

// byLane divides a batch by lane. foreign are the records of no lane.
func byLane(
	lanes *event.Lanes, batch []events.KinesisEventRecord,
) (divided []*laneRecords, foreign []eventlog.Incoming) {
	index := make(map[event.Lane]*laneRecords)
	for i := range batch {
		k := &batch[i].Kinesis
		in := eventlog.Incoming{Sequence: k.SequenceNumber, Arrival: k.ApproximateArrivalTimestamp.UnixMilli(), Data: k.Data}
		lane, err := lanes.ParseKey(k.PartitionKey)
		if err != nil {
			foreign = append(foreign, in)
			continue
		}
		l, found := index[lane]
		if !found {
			l = &laneRecords{lane: lane}
			index[lane] = l
			divided = append(divided, l)
		}
		l.records = append(l.records, in)
	}
	return divided, foreign
}

// laneWork handles the records of one lane and returns how many leading records
// are done: with an error, fewer than all.
type laneWork func(ctx context.Context, l *laneRecords) (done int, err error)

// eachLane runs work for all lanes of a batch concurrently. The response names
// the first record of every lane that is not done. Lambda retries from the lowest
// of them; records that were done already are then dropped by position.
func eachLane(
	ctx context.Context, log *slog.Logger, divided []*laneRecords, work laneWork,
) events.KinesisEventResponse {
	failed := make([]string, len(divided))
	var group errgroup.Group
	group.SetLimit(lanesAtOnce)
	for i, l := range divided {
		group.Go(func() error {
			done, err := work(ctx, l)
			if err == nil {
				return nil
			}
			failed[i] = l.records[min(done, len(l.records)-1)].Sequence
			logRetried(ctx, log, err, slog.String("lane", l.lane.String()),
				slog.Int("done", done), slog.Int("records", len(l.records)))
			logForAlarm(ctx, log, l.lane, err)
			return nil
		})
	}
	_ = group.Wait() // the work's errors are in failed
	return response(failed)
}

// logRetried logs that records will be retried, which an alarm counts unless the error
// passes by itself. Every batch item failure must be logged by it.
func logRetried(ctx context.Context, log *slog.Logger, err error, which ...slog.Attr) {
	log.LogAttrs(ctx, levelOf(err), "records will be retried", append(which, slog.String("error", err.Error()))...)
}

// logForAlarm logs an error that needs a person as a line that an alarm counts,
// at every retry, so that the alarm lasts as long as the problem.
func logForAlarm(ctx context.Context, log *slog.Logger, lane event.Lane, err error) {
	message := ""
	switch {
	case errors.Is(err, eventlog.ErrHeadLost):
		message = "head of a lane is lost; restore the control table"
	case errors.Is(err, projection.ErrManyRunaways):
		message = "too many folds of a projection never returned; mend it"
	default:
		return
	}
	log.LogAttrs(ctx, slog.LevelError, message, slog.String("lane", lane.String()), slog.String("error", err.Error()))
}

func response(failed []string) events.KinesisEventResponse {
	answer := events.KinesisEventResponse{BatchItemFailures: []events.KinesisBatchItemFailure{}}
	for _, sequence := range failed {
		if sequence != "" {
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.KinesisBatchItemFailure{ItemIdentifier: sequence})
		}
	}
	return answer
}
