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

// lanesAtOnce bounds the lanes of a batch that a function works on at a time.
const lanesAtOnce = 16

// laneRecords are the records of one lane in a batch, in the order of the
// stream.
type laneRecords struct {
	lane    event.Lane
	records []eventlog.Incoming
}

// byLane divides a batch by partition key. Records whose key belongs to no lane
// come back as foreign.
func byLane(lanes *event.Lanes, batch []events.KinesisEventRecord) (divided []*laneRecords, foreign []eventlog.Incoming) {
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

// laneWork handles the records of one lane and returns how many of them, from
// the first, need not come again. With an error that is fewer than all.
type laneWork func(ctx context.Context, l *laneRecords) (done int, err error)

// eachLane runs work for all lanes of a batch side by side. The answer names
// the first record of every lane that was not done; Lambda goes on from the
// lowest one, and what comes again is dropped by the position.
func eachLane(ctx context.Context, log *slog.Logger, divided []*laneRecords, work laneWork) events.KinesisEventResponse {
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
			log.LogAttrs(ctx, levelOf(err), "records come again", slog.String("lane", l.lane.String()),
				slog.Int("done", done), slog.Int("records", len(l.records)), slog.String("error", err.Error()))
			tellPerson(ctx, log, l.lane, err)
			return nil
		})
	}
	_ = group.Wait() // the work's errors are in failed
	return response(failed)
}

// tellPerson logs what does not pass by itself as a line of its own, which an
// alarm goes by. It is logged each time the records come, so that the alarm
// lasts as long as the trouble does.
func tellPerson(ctx context.Context, log *slog.Logger, lane event.Lane, err error) {
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
