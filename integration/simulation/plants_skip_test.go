package simulation

import (
	"context"
	"slices"

	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
)

// twice reads every event of an entity twice, so that what waits is folded twice.
type twice struct{ eventlog.Log }

func plantTwice(_ *world, l eventlog.Log) eventlog.Log { return twice{l} }

func (l twice) ReadEntity(
	ctx context.Context, lane event.Lane, bucket eventlog.Bucket, entity, after string, limit eventlog.PageLimit,
) (eventlog.Page, error) {
	page, err := l.Log.ReadEntity(ctx, lane, bucket, entity, after, limit)
	var entries []eventlog.Entry
	for _, e := range page.Entries {
		again := e
		again.Line = slices.Clone(e.Line)
		entries = append(entries, e, again)
	}
	page.Entries = entries
	return page, err
}

// forgotten leaves out the newest event of every page of an entity.
type forgotten struct{ eventlog.Log }

func plantForgotten(_ *world, l eventlog.Log) eventlog.Log { return forgotten{l} }

func (l forgotten) ReadEntity(
	ctx context.Context, lane event.Lane, bucket eventlog.Bucket, entity, after string, limit eventlog.PageLimit,
) (eventlog.Page, error) {
	page, err := l.Log.ReadEntity(ctx, lane, bucket, entity, after, limit)
	if n := len(page.Entries); n > 0 && after != "" {
		page.Entries = page.Entries[:n-1]
	}
	return page, err
}

// plantDeaf makes the playback consumer take corrections for other events.
func plantDeaf(w *world, lane event.Lane, records [][]byte) [][]byte {
	changed := make([][]byte, 0, len(records))
	for _, data := range records {
		header, lines, err := w.codec.Unpack(data)
		if err != nil {
			changed = append(changed, data)
			continue
		}
		for i, placed := range lines {
			lines[i] = deafen(placed)
		}
		if data, err = w.codec.Pack(record.Header{Lane: lane, Playback: header.Playback}, lines); err == nil {
			changed = append(changed, data)
		}
	}
	return changed
}

func deafen(placed []byte) []byte {
	line, at, logged, err := event.SplitPlaced(placed)
	if err != nil {
		return placed
	}
	e, err := event.Parse(string(line))
	if _, is := event.SkipOf(&e); err != nil || !is {
		return placed
	}
	e.Type = typeIgnored
	return event.AppendPlaced(nil, e.AppendJSON(nil), at, logged)
}
