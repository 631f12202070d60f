package projection

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// placedRecord is a decoded record with the position at its end.
type placedRecord struct {
	last   event.Position
	events []eventlog.Arrived
}

// folded returns the generation's mark, "" where it has none: that is for apply
// to deal with.
func (l *Live) folded(ctx context.Context, generation string, lane event.Lane) (event.Position, error) {
	mark, _, err := l.Generations.Open(generation).Mark(ctx, datastore.LiveMark, lane)
	if errors.Is(err, datastore.ErrNoMark) || errors.Is(err, datastore.ErrNoGeneration) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read mark of lane %s: %w", lane, err)
	}
	return mark.Position, nil
}

// decode leaves records that are folded in already as they are: a generation's
// new consumer passes a whole stream of them.
func (l *Live) decode(lane event.Lane, records []eventlog.Incoming, folded event.Position) ([]placedRecord, error) {
	batch := make([]placedRecord, 0, len(records))
	for _, in := range records {
		end, err := event.NewPosition(l.Decoder.Epoch, in.Sequence, event.MaxIndex)
		if err != nil {
			return nil, fmt.Errorf("place record: %w", err)
		}
		if end <= folded {
			batch = append(batch, placedRecord{})
			continue
		}
		decoded, err := l.Decoder.Decode(lane, in)
		var bad *eventlog.Undecodable
		switch {
		case errors.As(err, &bad):
			// The pump sets it aside at its position; here it only has to be
			// passed.
			batch = append(batch, placedRecord{last: bad.Position})
		case err != nil:
			return nil, err
		default:
			batch = append(batch, placedRecord{last: decoded.Last, events: decoded.Events})
		}
	}
	return batch, nil
}
