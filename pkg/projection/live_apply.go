package projection

import (
	"context"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// apply folds what the head covers into the generation and moves its mark.
// Where events are known to be missing it does neither.
func (l *Live) apply(ctx context.Context, info datastore.Info, lane event.Lane, head eventlog.Head,
	batch []placedRecord,
) (Written, error) {
	generation := l.Generations.Open(info.ID)
	mark, version, err := generation.Mark(ctx, datastore.LiveMark, lane)
	if err != nil {
		return Written{}, fmt.Errorf("read mark of lane %s: %w", lane, err)
	}
	fresh := behind(mark.Position, batch)
	if len(fresh) == 0 {
		return Written{}, nil
	}
	logged, err := l.asLogged(ctx, lane, head, fresh, mark)
	if err != nil {
		return Written{}, err
	}
	written := Written{Late: logged.late}
	if logged.end == mark.Position {
		return written, nil
	}
	to := Target{ID: info.ID, Generation: generation, Lane: lane}
	if logged.gap {
		var found int64
		written.Tally, found, err = l.closeGap(ctx, to, head, mark, &logged)
		written.Missed = int(max(0, logged.count-mark.Ordinal-found))
	} else {
		written.Tally, err = l.Applier.Apply(ctx, to, logged.events)
	}
	if err != nil {
		return Written{}, err
	}
	if written.Missed > 0 {
		return written, nil // the generation is lost, and its mark stays
	}
	mark.Position, mark.Logged, mark.Ordinal = logged.end, logged.stamp.Logged, logged.count
	if _, err := generation.SetMark(ctx, datastore.LiveMark, lane, mark, version); err != nil {
		return Written{}, fmt.Errorf("move mark of lane %s: %w", lane, err)
	}
	return written, nil
}

// behind returns the records that lie behind a position, each behind the one
// before.
func behind(at event.Position, batch []placedRecord) []placedRecord {
	var fresh []placedRecord
	for _, r := range batch {
		if r.last > at {
			at = r.last
			fresh = append(fresh, r)
		}
	}
	return fresh
}
