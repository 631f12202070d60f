package segment

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
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
	cut       replay.CutRef
	selection request.Selection
	plan      replay.LanePlan
	track     replay.Track
	watch     *watch
	pacer     *pace.Pacer
	// stored is the acknowledged checkpoint, and cursor how far the log was read.
	// The pending lines are those between the two.
	stored  replay.Checkpoint
	cursor  replay.Checkpoint
	pending [][]byte
	bytes   int
	saved   time.Time
	// began is what was read before, and most the Most of the checkpoint.
	began replay.Sum
	most  *replay.Extent
	// rate is how many events a second were read lately.
	rate float64
}

func newLaneReader(r *run, plan replay.LanePlan, track replay.Track, at replay.Checkpoint) *laneReader {
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
func (l *laneReader) readSlices(ctx context.Context, some []replay.Slice, first int) error {
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
func (l *laneReader) readSlice(ctx context.Context, slice replay.Slice) error {
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
func (l *laneReader) readScopes(ctx context.Context, slice replay.Slice) error {
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
		buckets, err := l.reader.Store.LoadScope(ctx, l.id, entity)
		if err != nil {
			return nil, err
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
