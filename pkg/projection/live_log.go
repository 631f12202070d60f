package projection

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// parallelLookUps bounds the records that are looked up in the register at a time.
const parallelLookUps = 16

func (l *Live) view() eventlog.View { return eventlog.View{Log: l.Log, Heads: l.Heads} }

// logged is the part of a batch that is in the log.
type logged struct {
	events []Placed
	// end is the end of the last record that is in the log, or the mark's position
	// if none is; count is the number of the lane's events up to there.
	end   event.Position
	count int64
	stamp eventlog.Stamp
	// gap is set if the records that arrived are not all that the log has between
	// the mark and end: those events must be read from the log instead.
	gap bool
	// late counts events that are not in the log.
	late int
}

// asLogged returns the events of a batch that are in the log. These are nearly
// always the events that arrived, but a reshard can deliver records to the pump and
// to this consumer in different orders. Then the lane's register decides: it does
// not list what was late for the pump, and it counts what has not arrived here yet.
func (l *Live) asLogged(ctx context.Context, lane event.Lane, head eventlog.Head, fresh []placedRecord,
	mark datastore.Mark,
) (logged, error) {
	known, err := l.lookUp(ctx, lane, &head, fresh)
	if err != nil {
		return logged{}, err
	}
	result := logged{
		end:   mark.Position,
		count: mark.Ordinal,
		stamp: eventlog.Stamp{Width: l.Width, Logged: mark.Logged},
	}
	var kept []placedRecord
	arrived, listed := mark.Ordinal, true
	for i, r := range fresh {
		if !known[i].in {
			result.late += len(r.events)
			continue
		}
		kept = append(kept, r)
		arrived += int64(len(r.events))
		listed = listed && known[i].listed
		result.end, result.count = r.last, arrived
		if known[i].listed {
			result.count = known[i].count
		}
	}
	switch {
	case arrived != result.count:
		// Fewer events arrived than the log has, or more: a record that the pump
		// could not decode, whose events are not in the log, can be decoded now.
		result.gap = true
	case listed:
		result.events = place(kept, &result.stamp)
	default:
		result.events, err = l.locate(ctx, lane, &head, kept, &result.stamp)
	}
	return result, err
}

// lookedUp says whether a record is in the log.
type lookedUp struct {
	// in is set if it is in the log. listed is set if the register decides that;
	// count is then the number of the lane's events up to the record's end.
	in, listed bool
	count      int64
}

// lookUp looks every record up, in the register as far as it reaches back. Records
// that the head itself lists cost nothing, and those of a page of the register one
// read. Each earlier record costs a read, several at a time.
func (l *Live) lookUp(ctx context.Context, lane event.Lane, head *eventlog.Head, records []placedRecord,
) ([]lookedUp, error) {
	known := make([]lookedUp, len(records))
	var listed []int
	var ends []event.Position
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelLookUps)
	for i, r := range records {
		switch {
		case head.Listed(r.last):
			listed, ends = append(listed, i), append(ends, r.last)
		case len(r.events) > 0:
			group.Go(func() (err error) {
				// Records are committed whole, so its first event answers for all.
				_, known[i].in, err = l.view().Locate(groupCtx, l.Width, lane, head, &r.events[0])
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	counted, err := l.Heads.CountsAt(ctx, lane, head, ends)
	if err != nil {
		return nil, err
	}
	for i, c := range counted {
		known[listed[i]] = lookedUp{in: c.In, listed: true, count: c.Events}
	}
	return known, nil
}

// place assigns buckets to events that arrived in the log's order.
func place(records []placedRecord, stamp *eventlog.Stamp) []Placed {
	count := 0
	for _, r := range records {
		count += len(r.events)
	}
	events := make([]Placed, 0, count)
	for _, r := range records {
		for i := range r.events {
			events = append(events, placeOne(&r.events[i], stamp))
		}
	}
	return events
}

func placeOne(a *eventlog.Arrived, stamp *eventlog.Stamp) Placed {
	_, bucket := stamp.Next(a.Arrival)
	return Placed{Event: a.Event, Position: a.Position, Bucket: bucket, Line: a.Line}
}

// locate finds the buckets of events that were committed before there was a
// register. Logged times follow the log, not the arrival here.
func (l *Live) locate(ctx context.Context, lane event.Lane, head *eventlog.Head, records []placedRecord,
	stamp *eventlog.Stamp,
) ([]Placed, error) {
	var events []Placed
	for _, r := range records {
		for i := range r.events {
			bucket, found, err := l.view().Locate(ctx, l.Width, lane, head, &r.events[i])
			if err != nil {
				return nil, err
			}
			if !found {
				return nil, fmt.Errorf("locate event at %s: its record is in the log, but the event is not", r.events[i].Position)
			}
			from, _, err := l.Width.Range(bucket)
			if err != nil {
				return nil, err
			}
			p := placeOne(&r.events[i], stamp)
			p.Bucket, stamp.Logged = bucket, max(stamp.Logged, from)
			events = append(events, p)
		}
	}
	return events, nil
}

// gapPage bounds a page of the log when a gap is closed.
const gapPage = 1000

// closeGap folds the events of a lane between a mark and a position, which it reads
// from the log page by page. It reads whole buckets, which is expensive and almost
// never needed. It returns what it found; rows skip the events that are folded in
// already.
func (l *Live) closeGap(
	ctx context.Context, to Follower, lane event.Lane, head eventlog.Head, mark datastore.Mark, want *logged,
) (tally Tally, found gapFound, err error) {
	g := &gap{
		live:  l,
		to:    to,
		lane:  lane,
		head:  &head,
		from:  mark.Position,
		end:   want.end,
		stamp: &want.stamp,
	}
	bucket := func(b eventlog.Bucket, m eventlog.Manifest) error {
		if m.Last <= g.from || m.First > g.end {
			return nil
		}
		return g.bucket(ctx, b, &m)
	}
	err = l.Heads.Manifests(ctx, lane, head, l.Width.Of(mark.Logged), "", bucket)
	if err != nil {
		return g.tally, g.found, fmt.Errorf("read events of lane %s from the log: %w", lane, err)
	}
	return g.tally, g.found, nil
}

// gap is the state of closeGap.
type gap struct {
	live      *Live
	to        Follower
	lane      event.Lane
	head      *eventlog.Head
	from, end event.Position
	stamp     *eventlog.Stamp
	tally     Tally
	found     gapFound
}

// gapFound counts the events that the log has in a gap, and those of them that no
// projection handles.
type gapFound struct {
	events  int64
	ignored datastore.Ignored
}

// bucket folds a bucket's events in the order of their keys, in which the events of
// an entity are in position order.
func (g *gap) bucket(ctx context.Context, b eventlog.Bucket, m *eventlog.Manifest) error {
	roster, err := g.live.Heads.Roster(ctx, g.lane, g.head, m)
	if err != nil {
		return err
	}
	for after := ""; ; {
		page, err := g.live.Log.Read(ctx, g.lane, b, after, eventlog.PageLimit{Entries: gapPage}, true)
		if err != nil {
			return fmt.Errorf("read bucket %s: %w", b, err)
		}
		if err := g.fold(ctx, b, roster, page.Entries); err != nil {
			return err
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

func (g *gap) fold(ctx context.Context, b eventlog.Bucket, roster *eventlog.Roster, entries []eventlog.Entry) error {
	var events []Placed
	for i := range entries {
		e := &entries[i]
		if e.Position <= g.from || e.Position > g.end || !roster.Has(e.Position) {
			continue
		}
		placed, err := PlacedOf(b, e)
		if err != nil {
			return err
		}
		g.stamp.Logged = max(g.stamp.Logged, e.Logged)
		events = append(events, placed)
	}
	tally, err := g.to.Apply(ctx, g.lane, g.from, events)
	g.tally.addTally(tally)
	g.found.events += int64(len(events))
	g.found.ignored.AddAll(g.to.Ignored(events))
	return err
}
