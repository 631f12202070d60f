package replay

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay/budget"
	"reprise/pkg/replay/pace"
	"reprise/pkg/replay/request"
)

// entityPage bounds a page of one entity's events, each of which may cost a read of
// the lane's register.
const entityPage = 500

// laneReader reads one lane with at most one record in flight: it puts the next one
// only after the one before was acknowledged and its checkpoint stored.
type laneReader struct {
	reader    *Reader
	id        string
	cut       CutRef
	selection request.Selection
	plan      LanePlan
	track     Track
	watch     *watch
	pacer     *pace.Pacer
	// stored is the acknowledged checkpoint, and cursor how far the log was read.
	// The pending lines are those between the two.
	stored  Checkpoint
	cursor  Checkpoint
	pending [][]byte
	bytes   int
	saved   time.Time
	// began is what was read before, and most the Most of the checkpoint.
	began Sum
	most  *Extent
	// rate is how many events a second were read lately.
	rate float64
}

func newLaneReader(r *run, plan LanePlan, track Track, at Checkpoint) *laneReader {
	most := at.Most
	at.End, at.Edge, at.Most, at.Moved, at.Rate = nil, nil, nil, 0, 0 // they are not part of a place
	at.CatchUp = r.row.CatchUps
	return &laneReader{
		reader:    r.reader,
		id:        r.row.ID,
		cut:       r.row.Present(),
		selection: r.row.Request.Selection(),
		plan:      plan,
		track:     track,
		watch:     r.watch,
		pacer:     r.pacer,
		stored:    at,
		cursor:    at,
		began:     at.Read,
		most:      most,
		saved:     r.reader.Store.Now(),
	}
}

// readSlices reads slices, of which the first has the number first, from the cursor on.
// Slices that are known to be read are left out.
func (l *laneReader) readSlices(ctx context.Context, some []Slice, first int) error {
	for i, slice := range some {
		if first+i < l.cursor.Slices {
			continue
		}
		if err := l.readSlice(ctx, slice); err != nil {
			return err
		}
	}
	return nil
}

// readSlice reads the lane's buckets of a slice, from the cursor on.
func (l *laneReader) readSlice(ctx context.Context, slice Slice) error {
	if len(l.plan.Scopes) > 0 {
		return l.readScopes(ctx, slice)
	}
	from := max(slice.From, l.cursor.Bucket)
	var buckets []eventlog.ClosedManifest
	err := l.reader.Heads.Manifests(ctx, l.plan.Lane, l.plan.Head, from, slice.To,
		func(b eventlog.Bucket, m eventlog.Manifest) error {
			buckets = append(buckets, eventlog.ClosedManifest{Bucket: b, Manifest: m})
			return nil
		})
	if err != nil {
		return err
	}
	for i := range buckets {
		b, m := buckets[i].Bucket, &buckets[i].Manifest
		roster, err := l.reader.Heads.Roster(ctx, l.plan.Lane, &l.plan.Head, m)
		if err != nil {
			return err
		}
		if err := l.readBucket(ctx, b, l.pageOf(b, roster)); err != nil {
			return err
		}
	}
	return nil
}

// pages returns the page of a bucket after a sort key, with only the events that the
// log has as of the cut. A page may be empty and not be the last.
type pages func(ctx context.Context, after string, limit eventlog.PageLimit) (eventlog.Page, error)

func (l *laneReader) pageOf(b eventlog.Bucket, roster *eventlog.Roster) pages {
	return func(ctx context.Context, after string, limit eventlog.PageLimit) (eventlog.Page, error) {
		// Everything that the cut covers, in any bucket, was written before the
		// cut was taken, but perhaps just before.
		consistent := l.reader.Store.Now().Sub(l.plan.Frozen) < consistentFor
		page, err := l.reader.Log.Read(ctx, l.plan.Lane, b, after, limit, consistent)
		if err != nil {
			return page, err
		}
		kept := page.Entries[:0]
		for i := range page.Entries {
			e := &page.Entries[i]
			switch {
			case e.Position <= l.plan.After: // read for an earlier cut
				l.watch.keeper.Count(workOf(page.Entries[i : i+1]))
			case roster.Has(e.Position):
				kept = append(kept, *e)
			default:
				if err := l.strand(ctx, e); err != nil {
					return page, err
				}
			}
		}
		page.Entries = kept
		return page, nil
	}
}

// strand notes an event that is in the Events table but not in the log, if it is
// older than the event stream's retention: then it will not be delivered again. The
// leftover of a record that is quarantined, or in another bucket of the log, is no
// loss.
func (l *laneReader) strand(ctx context.Context, e *eventlog.Entry) error {
	if l.reader.Retention == 0 || l.reader.Store.Now().Sub(time.UnixMilli(e.Logged)) <= l.reader.Retention {
		return nil
	}
	if e.Position > l.plan.Head.Position {
		l.cursor.Stranded = max(l.cursor.Stranded, e.Position)
		return nil
	}
	if l.cursor.Missing != "" {
		return nil
	}
	missing, err := l.reader.view().Missing(ctx, l.plan.Lane, &l.plan.Head, e.Position)
	if err == nil && missing {
		l.cursor.Missing = e.Position
	}
	return err
}

// readScopes reads, bucket by bucket, only the entities that the replay selects.
func (l *laneReader) readScopes(ctx context.Context, slice Slice) error {
	perBucket, err := l.scopes(ctx)
	if err != nil {
		return err
	}
	buckets := make([]eventlog.Bucket, 0, len(perBucket))
	for b := range perBucket {
		if b >= max(slice.From, l.cursor.Bucket) && (slice.To == "" || b < slice.To) {
			buckets = append(buckets, b)
		}
	}
	slices.Sort(buckets)
	view := l.reader.view()
	manifests, err := l.reader.Heads.ManifestsOf(ctx, l.plan.Lane, l.plan.Head, buckets)
	if err != nil {
		return err
	}
	for _, b := range buckets {
		m, found := manifests[b]
		if !found {
			continue
		}
		for _, entity := range perBucket[b] {
			page := func(ctx context.Context, after string, limit eventlog.PageLimit) (eventlog.Page, error) {
				return view.Entity(ctx, l.plan.Lane, &l.plan.Head, b, &m, entity, after, min(limit.Entries, entityPage))
			}
			if err := l.readBucket(ctx, b, page); err != nil {
				return err
			}
		}
	}
	return nil
}

// scopes returns the selected entities by bucket, in the order of their keys.
func (l *laneReader) scopes(ctx context.Context) (map[eventlog.Bucket][]string, error) {
	perBucket := make(map[eventlog.Bucket][]string)
	entities := slices.Clone(l.plan.Scopes)
	slices.SortFunc(entities, func(a, b string) int {
		return cmp.Compare(event.EscapeEntity(a)+"#", event.EscapeEntity(b)+"#")
	})
	for _, entity := range entities {
		buckets, _, err := control.Load[[]eventlog.Bucket](ctx, l.reader.Store.Table, scopeKey(l.id, entity))
		if err != nil {
			return nil, fmt.Errorf("load buckets of an entity: %w", err)
		}
		for _, b := range eventlog.ExpandBuckets(buckets) {
			perBucket[b] = append(perBucket[b], entity)
		}
	}
	return perBucket, nil
}

func (l *laneReader) readBucket(ctx context.Context, b eventlog.Bucket, read pages) error {
	after := ""
	if b == l.cursor.Bucket {
		after = l.cursor.After
	}
	for {
		if err := l.watch.check(ctx); err != nil {
			return err
		}
		limit := eventlog.PageLimit{Entries: 5_000, Bytes: cmp.Or(l.reader.PageBytes, defaultPageBytes)}
		page, err := read(ctx, after, limit)
		if err != nil {
			return fmt.Errorf("read bucket %s: %w", b, err)
		}
		l.watch.keeper.Count(workOf(page.Entries))
		for i := range page.Entries {
			if err := l.take(ctx, b, &page.Entries[i]); err != nil {
				return err
			}
		}
		if err := l.saveSparse(ctx); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
}

// workOf is the work of reading entries.
func workOf(entries []eventlog.Entry) budget.Work {
	done := budget.Work{Read: int64(len(entries))}
	for i := range entries {
		done.ReadBytes += int64(len(entries[i].Line))
	}
	return done
}

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
	if err := l.reader.Store.advance(ctx, l.cut, l.track, l.timed()); err != nil {
		return err
	}
	l.stored, l.pending, l.bytes = l.cursor, l.pending[:0], 0
	l.saved = l.reader.Store.Now()
	return nil
}

// timed is the cursor with the present time, and with the rate since the checkpoint
// before, smoothed over some of them.
func (l *laneReader) timed() Checkpoint {
	const weight = 0.3 // of the newest
	now := l.reader.Store.Now()
	if passed := now.Sub(l.saved).Seconds(); passed > 0 {
		newest := float64(l.cursor.Read.Count-l.stored.Read.Count) / passed
		if l.rate == 0 {
			l.rate = newest
		}
		l.rate = weight*newest + (1-weight)*l.rate
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
	l.cursor.Slices, l.cursor.Edge = slices, &Edge{slices, l.cursor.Delivered.Count}
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
	l.cursor.End = &End{
		Read:      l.cursor.Read,
		Delivered: l.cursor.Delivered,
		Stranded:  l.cursor.Stranded,
		Missing:   l.cursor.Missing,
	}
	return l.save(ctx)
}
