package consume

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"
)

// WatchLog is watch-log. Its event source is filtered to changes and removals in
// the Events table, which the platform never makes: the alarm counts its
// invocations. The stream carries keys only. The log line shows the partition
// key; the sort key contains an entity's id.
func WatchLog(log *slog.Logger) func(context.Context, events.DynamoDBEvent) error {
	return func(ctx context.Context, batch events.DynamoDBEvent) error {
		for i := range batch.Records {
			r := &batch.Records[i]
			where := ""
			if key, found := r.Change.Keys["pk"]; found && key.DataType() == events.DataTypeString {
				where = key.String()
			}
			log.LogAttrs(ctx, slog.LevelError, "event log was changed", slog.String("operation", r.EventName),
				slog.String("partition", where), slog.String("event", r.EventID))
		}
		return nil
	}
}
