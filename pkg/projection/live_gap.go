package projection

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// gapPage bounds a page of the log that is read to close a gap.
const gapPage = 1000

// between reads the events of a lane between a mark and a position from the log.
// It reads each bucket whole, which is dear and next to never needed.
func (l *Live) between(ctx context.Context, lane event.Lane, head eventlog.Head, mark datastore.Mark, end event.Position, stamp *eventlog.Stamp,
) ([]Placed, error) {
	var events []Placed
	err := l.Heads.Manifests(ctx, lane, head, l.Width.Of(mark.Logged), "", func(b eventlog.Bucket, m eventlog.Manifest) error {
		if m.Last <= mark.Position || m.First > end {
			return nil
		}
		return l.readBucket(ctx, lane, b, func(e *eventlog.Entry) error {
			if e.Position <= mark.Position || e.Position > end {
				return nil
			}
			parsed, err := event.Parse(string(e.Line))
			if err != nil {
				return fmt.Errorf("parse event at %s: %w", e.Position, err)
			}
			stamp.Logged = max(stamp.Logged, e.Logged)
			events = append(events, Placed{Event: parsed, Position: e.Position, Bucket: b, Line: slices.Clone(e.Line)})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read events of lane %s from the log: %w", lane, err)
	}
	slices.SortFunc(events, func(a, b Placed) int { return strings.Compare(string(a.Position), string(b.Position)) })
	return events, nil
}

func (l *Live) readBucket(ctx context.Context, lane event.Lane, b eventlog.Bucket, visit func(*eventlog.Entry) error) error {
	for after := ""; ; {
		page, err := l.Applier.log.Read(ctx, lane, b, after, eventlog.PageLimit{Entries: gapPage}, true)
		if err != nil {
			return err
		}
		for i := range page.Entries {
			if err := visit(&page.Entries[i]); err != nil {
				return err
			}
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}
