package verify

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/projection/refold"
)

const (
	// rowPage bounds the rows of one read.
	rowPage = 500
	// batchEvents and batchBytes bound the events that are in memory at a time.
	batchEvents = 4000
	// onlyPage bounds the events of the first page when a first look at an entity reads on
	// from its first event: most have few in a bucket, and what follows is read in vain.
	onlyPage   = 8
	batchBytes = 4 << 20
	// missingAtOnce bounds the entities without a row that are told apart in a span.
	missingAtOnce = 1000
)

// span is the entities of a lane that sort after one and up to another, in the order of
// datastore.EachRow: their rows, and what was found out about them.
type span struct {
	lane *lane
	// after is exclusive, "" for the start; last is inclusive, "" for the end.
	after, last string
	// only is the one entity that the span is about, "" for all of its range.
	only string
	// stop is a key of the log after which no entity of the span follows, "" for the end.
	stop string
	rows []datastore.Row
	// held finds the row of an entity.
	held map[string]*held
	into refold.Scratch
	// missing counts the events of entities without a row, and others those of further
	// entities, which are not told apart.
	missing map[string]int64
	others  int64
	// sums are what the span has of each bucket up to the cut.
	sums map[eventlog.Bucket]*bucketSum
	// consistent makes every read of the log a consistent one.
	consistent bool
	// countOnly counts events and folds none.
	countOnly bool
	pending   []projection.Placed
	bytes     int
	// events and read count what was read of the log, and units what that took.
	events, read int64
	units        float64
	findings     Findings
	// unsettled counts rows that are just being written in several steps.
	unsettled int
	// share divides the memory to fold in; 0 counts as 1. judged says that the rows were
	// compared.
	share  int64
	judged bool
	// visit, if it is set, is given each event up to the row's position in place of
	// folding it.
	visit visitor
}

// held is a row of a span, and the first event up to the cut that it has not seen.
type held struct {
	row    *datastore.Row
	unseen event.Position
}

// readRows reads the rows after an entity, as many as fit into memory, and at most
// limit.
func (s *span) readRows(ctx context.Context, after string, limit int) error {
	s.after, s.held = after, make(map[string]*held)
	var bytes, events int64
	for at := after; ; {
		page, err := s.lane.generation.Scan(ctx, s.lane.id, at, min(rowPage, limit-len(s.rows)))
		if err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		s.units += rowsCost(page)
		more := datastore.MoreRows(page, min(rowPage, limit-len(s.rows)))
		for i := range page {
			bytes += int64(len(page[i].State))
			var counts datastore.Counts
			counts.Add(&page[i])
			events += counts.Seen()
		}
		if s.rows = append(s.rows, page...); !more {
			break
		}
		at = page[len(page)-1].Entity
		full := len(s.rows) >= limit || bytes > s.lane.check.spanBytes() || events > s.lane.check.spanEvents()
		if full {
			s.last = at
			break
		}
	}
	s.index()
	return nil
}

// readAgain reads the rows of the same entities as another span.
func (s *span) readAgain(ctx context.Context, of *span) error {
	s.after, s.last, s.held, s.consistent = of.after, of.last, make(map[string]*held), true
	for at := s.after; ; {
		page, err := s.lane.generation.Scan(ctx, s.lane.id, at, rowPage)
		if err != nil {
			return fmt.Errorf("read rows again: %w", err)
		}
		s.units += rowsCost(page)
		for i := range page {
			if !s.covers(page[i].Entity) {
				s.index()
				return nil
			}
			s.rows = append(s.rows, page[i])
		}
		if !datastore.MoreRows(page, rowPage) {
			s.index()
			return nil
		}
		at = page[len(page)-1].Entity
	}
}

func (s *span) index() {
	for i := range s.rows {
		s.held[s.rows[i].Entity] = &held{row: &s.rows[i]}
	}
	s.stop = lastKey(s.last)
	if s.only != "" {
		s.stop = keyOf(s.only) + "~"
	}
}

// covers reports whether an entity belongs to the span.
func (s *span) covers(entity string) bool {
	if s.only != "" {
		return entity == s.only
	}
	key := event.EscapeEntity(entity)
	return (s.after == "" || key > event.EscapeEntity(s.after)) && (s.last == "" || key <= event.EscapeEntity(s.last))
}

// lastKey is a key of the log that no entity up to last, in the order of rows, follows.
// The log compares ids with a '#' behind, so that an id follows those that continue it
// with a character below '#'.
func lastKey(last string) string {
	if last == "" {
		return ""
	}
	id := event.EscapeEntity(last)
	stop := id + "#~"
	for i := range len(id) {
		stop = max(stop, id[:i]+"#~")
	}
	return stop
}

// fold reads the buckets of the log, and folds each event up to its row's position.
func (s *span) fold(ctx context.Context, buckets []bucket) error {
	s.units += bucketsCost(len(buckets))
	return s.foldIn(ctx, buckets)
}

// foldIn is fold of buckets that are known already.
func (s *span) foldIn(ctx context.Context, buckets []bucket) error {
	s.into.MaxBytes = s.lane.check.scratchBytes() / max(1, s.share)
	s.missing, s.sums = make(map[string]int64), make(map[eventlog.Bucket]*bucketSum)
	for i := range buckets {
		if err := s.readBucket(ctx, &buckets[i]); err != nil {
			return err
		}
	}
	return s.flush(ctx)
}

func (s *span) readBucket(ctx context.Context, b *bucket) error {
	sum := new(bucketSum)
	after := s.begin()
	for n := 0; ; n++ {
		page, err := s.page(ctx, b, after, n)
		if err != nil {
			return fmt.Errorf("read bucket %s: %w", b.id, err)
		}
		s.units += pageCost(&page, s.consistent || b.fresh)
		done := page.Next == ""
		for i := range page.Entries {
			e := &page.Entries[i]
			if s.stop != "" && e.SortKey() > s.stop {
				done = true
				break
			}
			if err := s.take(ctx, b, sum, e); err != nil {
				return err
			}
		}
		if done {
			break
		}
		after = page.Next
	}
	if sum.Count > 0 {
		s.sums[b.id] = sum
	}
	return nil
}

// begin is the key of the log after which the span's entities begin.
func (s *span) begin() string {
	switch {
	case s.only == "":
		return event.EscapeEntity(s.after)
	case s.consistent:
		return ""
	}
	return keyOf(s.only)
}

// page reads the nth page of a bucket.
func (s *span) page(ctx context.Context, b *bucket, after string, n int) (eventlog.Page, error) {
	limit := eventlog.PageLimit{Entries: batchEvents, Bytes: s.lane.check.PageBytes}
	switch {
	case s.only != "" && s.consistent:
		return s.lane.check.Log.Log.ReadEntity(ctx, s.lane.id, b.id, s.only, after, limit)
	case s.only != "":
		limit.Entries = min(batchEvents, onlyPage<<min(n, 9))
	}
	return s.lane.check.Log.Log.Read(ctx, s.lane.id, b.id, after, limit, s.consistent || b.fresh)
}

// take counts an entry of the log, and folds it if its row has seen it.
func (s *span) take(ctx context.Context, b *bucket, sum *bucketSum, e *eventlog.Entry) error {
	if !b.roster.Has(e.Position) || !s.covers(e.Entity) {
		return nil
	}
	s.events++
	s.read += int64(len(e.Line))
	asOfCut := e.Position <= s.lane.cut.Position
	if asOfCut {
		sum.add(e)
	}
	h, found := s.held[e.Entity]
	switch {
	case s.countOnly:
	case found && e.Position <= h.row.Position:
		return s.push(ctx, b.id, e)
	case !asOfCut: // live traffic since
	case found:
		if h.unseen == "" || e.Position < h.unseen {
			h.unseen = e.Position
		}
	case s.missing[e.Entity] > 0 || len(s.missing) < missingAtOnce:
		s.missing[e.Entity]++
	default:
		s.others++
	}
	return nil
}

func (s *span) push(ctx context.Context, b eventlog.Bucket, e *eventlog.Entry) error {
	placed, err := projection.PlacedOf(b, e)
	if err != nil {
		if s.visit == nil {
			s.unreadable(b, e)
		}
		return nil
	}
	if s.visit != nil {
		return s.visit(&placed)
	}
	s.pending = append(s.pending, placed)
	if s.bytes += len(e.Line); len(s.pending) < batchEvents && s.bytes < batchBytes {
		return nil
	}
	return s.flush(ctx)
}

// unreadable reports an event that was altered so much that it cannot be decoded. What
// its entity folds to without it differs, too.
func (s *span) unreadable(b eventlog.Bucket, e *eventlog.Entry) {
	s.findings.add(Difference{
		Kind: Manifest, Lane: s.lane.id, Bucket: b, Entity: e.Entity, Position: e.Position,
		What: "an event that cannot be decoded",
	})
}

func (s *span) flush(ctx context.Context) error {
	to := projection.Target{Generation: &s.into, Lane: s.lane.id}
	_, err := s.lane.applier.Apply(ctx, to, s.pending)
	s.pending, s.bytes = s.pending[:0], 0
	if err != nil && !errors.Is(err, refold.ErrFull) {
		return fmt.Errorf("fold events: %w", err)
	}
	return err
}
