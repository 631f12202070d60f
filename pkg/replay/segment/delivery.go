package segment

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/budget"
)

// take moves the cursor over one entry.
func (l *laneReader) take(ctx context.Context, b eventlog.Bucket, e *eventlog.Entry) error {
	key := e.SortKey()
	if b == l.cursor.Bucket && key <= l.cursor.After {
		return nil
	}
	l.cursor.Bucket, l.cursor.After = b, key
	digest := event.DigestOf(e.Position, e.Line)
	l.cursor.Read.Add(len(e.Line), digest)
	wanted, err := l.selection.Wants(e.Entity, e.Logged, e.Line)
	if err != nil {
		return fmt.Errorf("event at %s: %w", e.Position, err)
	}
	if !wanted {
		return nil
	}
	l.cursor.Delivered.Add(len(e.Line), digest)
	l.pending = append(l.pending, event.AppendPlaced(nil, e.Line, e.Position, e.Logged))
	l.bytes += len(e.Line)
	most := l.pacer.Most()
	if l.bytes >= cmp.Or(l.reader.RecordBytes, record.TargetBytes) || len(l.pending) == record.MaxEvents ||
		(most > 0 && len(l.pending) >= most) {
		return l.deliver(ctx)
	}
	return nil
}

// errRegather says that the pending events, gathered at a higher rate, would be too many
// at once: they were dropped, and have to be read again from the cursor.
var errRegather = errors.New("events have to be read again")

// deliver waits until the rate allows the pending events, and puts them.
func (l *laneReader) deliver(ctx context.Context) error {
	// Only a new rate has to be known here: a reader stops between two pages, so that
	// it reads none twice.
	if err := l.watch.check(ctx); err != nil {
		if _, stop := stopping(err); !stop {
			return err
		}
	}
	if most := l.pacer.Most(); most > 0 && len(l.pending) > 2*most {
		l.drop()
		return errRegather
	}
	return l.deliverAll(ctx)
}

// deliverAll is deliver for events that are not read again, however many they are.
func (l *laneReader) deliverAll(ctx context.Context) error {
	if len(l.pending) == 0 {
		return nil
	}
	if err := l.pacer.Wait(ctx, len(l.pending), l.watch.check); err != nil {
		return err
	}
	return l.put(ctx)
}

// flush delivers the pending events at once, so that the next reader need not read them
// again; not if a rate would have to be waited for.
func (l *laneReader) flush(ctx context.Context) error {
	if l.pacer.Most() > 0 {
		l.drop()
		return nil
	}
	return l.put(ctx)
}

// drop sets the cursor back to the checkpoint.
func (l *laneReader) drop() { l.cursor, l.pending, l.bytes = l.stored, l.pending[:0], 0 }

// put puts the pending lines as one record and, once it is acknowledged, stores the
// checkpoint after it.
func (l *laneReader) put(ctx context.Context) error {
	if len(l.pending) == 0 {
		return nil
	}
	place, err := json.Marshal(l.cursor)
	if err != nil {
		return fmt.Errorf("encode place: %w", err)
	}
	playback := &record.Playback{
		Replay: l.id,
		From:   l.stored.Delivered.Count,
		To:     l.cursor.Delivered.Count,
		Slice:  l.track.Slice,
		Place:  place,
	}
	data, err := l.reader.Codec.Pack(record.Header{Lane: l.plan.Lane, Playback: playback}, l.pending)
	if err != nil {
		return fmt.Errorf("pack record: %w", err)
	}
	if _, err := l.reader.Playback.Put(ctx, l.reader.Lanes.Key(l.plan.Lane), data); err != nil {
		return fmt.Errorf("put playback record: %w", err)
	}
	l.watch.keeper.Count(budget.Work{Delivered: int64(len(l.pending)), DeliveredBytes: int64(l.bytes)})
	return l.save(ctx)
}

func (l *laneReader) save(ctx context.Context) error {
	if err := l.reader.Store.Advance(ctx, l.cut, l.track, l.timed()); err != nil {
		return err
	}
	l.stored, l.pending, l.bytes = l.cursor, l.pending[:0], 0
	l.saved = l.reader.Store.Now()
	return nil
}

// rateOver is the time, in seconds, over which the rate of a reader is smoothed. Events come
// in records, several of which may be put at the same moment.
const rateOver = 3

// timed is the cursor with the present time, and with the rate lately.
func (l *laneReader) timed() replay.Checkpoint {
	now := l.reader.Store.Now()
	events, passed := float64(l.cursor.Read.Count-l.stored.Read.Count), max(0, now.Sub(l.saved).Seconds())
	switch {
	case l.rate == 0: // as if it had taken a second at least
		l.rate = events / max(passed, 1)
	case passed == 0:
		l.rate += events / rateOver
	default:
		kept := math.Exp(-passed / rateOver)
		l.rate = kept*l.rate + (1-kept)*events/passed
	}
	to := l.cursor
	to.Moved, to.Rate = now.UnixMilli(), l.rate
	return to
}

// saveSparse stores the cursor at intervals while nothing is selected, so that the
// checkpoint of a sparse selection moves, too.
func (l *laneReader) saveSparse(ctx context.Context) error {
	every := cmp.Or(l.reader.CheckpointEvery, time.Second)
	if len(l.pending) > 0 || l.reader.Store.Now().Sub(l.saved) < every || l.cursor.Read.Count == l.stored.Read.Count {
		return nil
	}
	return l.save(ctx)
}

// endSlice delivers the pending lines and stores that a number of slices were read
// whole.
func (l *laneReader) endSlice(ctx context.Context, slices int) error {
	if err := l.deliverAll(ctx); err != nil {
		return err
	}
	l.cursor.Slices, l.cursor.Edge = slices, &replay.Edge{Slices: slices, Delivered: l.cursor.Delivered.Count}
	err := l.save(ctx)
	l.cursor.Edge, l.stored.Edge = nil, nil
	return err
}

// finish delivers the pending lines and writes the lane's end marker.
func (l *laneReader) finish(ctx context.Context) error {
	if err := l.deliverAll(ctx); err != nil {
		return err
	}
	l.cursor.Done = true
	l.cursor.End = &replay.End{
		Read:      l.cursor.Read,
		Delivered: l.cursor.Delivered,
		Stranded:  l.cursor.Stranded,
		Missing:   l.cursor.Missing,
	}
	return l.save(ctx)
}
