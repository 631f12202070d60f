package projection

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// parallelLookUps bounds the records that are looked up in the log at a time.
const parallelLookUps = 16

// logged is what the log has of a batch.
type logged struct {
	events []Placed
	// end is the end of the last record that the log has, the mark's place where
	// it has none.
	end   event.Position
	stamp eventlog.Stamp
	// late and missed are as in Written.
	late, missed int
}

// asLogged returns the events that the log has between a mark and the end of a
// batch. That is nearly always what arrived, which the head's trail tells: it
// names the latest records, and counts the events up to each. A reshard can hand
// records to the pump and to this consumer in different orders. Then the log
// decides: it has not what was late for the pump, and it has what is still to
// arrive here, which is read from it.
func (l *Live) asLogged(ctx context.Context, lane event.Lane, head eventlog.Head, fresh []placedRecord, mark datastore.Mark,
) (logged, error) {
	var result logged
	kept, complete, err := l.inLog(ctx, lane, head, fresh, mark.Logged)
	if err != nil {
		return logged{}, err
	}
	result.end, result.stamp = mark.Position, eventlog.Stamp{Width: l.Width, Logged: mark.Logged}
	for _, r := range fresh {
		result.late += len(r.events)
	}
	for _, r := range kept {
		result.late -= len(r.events)
		result.end = r.last
	}
	count, known := head.CountAt(result.end)
	if known && mark.Ordinal+sum(kept) < count {
		if result.events, err = l.between(ctx, lane, head, mark, result.end, &result.stamp); err != nil {
			return logged{}, err
		}
		result.missed = max(0, int(count-mark.Ordinal)-len(result.events))
		return result, nil
	}
	if complete {
		result.events = place(kept, &result.stamp)
		return result, nil
	}
	result.events, err = l.locate(ctx, lane, head, kept, &result.stamp)
	return result, err
}

func sum(records []placedRecord) (events int64) {
	for _, r := range records {
		events += int64(len(r.events))
	}
	return events
}

// inLog returns the records that the log has. A record that reached the pump
// after the head had passed it is quarantined, although it may reach this
// consumer in its place. What the head's trail does not name is looked up, all
// side by side; complete says that everything is where it is expected.
func (l *Live) inLog(ctx context.Context, lane event.Lane, head eventlog.Head, fresh []placedRecord, since int64,
) (kept []placedRecord, complete bool, err error) {
	found := make([]bool, len(fresh))
	for i, r := range fresh {
		_, found[i] = head.CountAt(r.last)
	}
	if !slices.Contains(found, false) {
		return fresh, true, nil
	}
	stamp := eventlog.Stamp{Width: l.Width, Logged: since}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelLookUps)
	for i, r := range fresh {
		bucket := pass(&stamp, r)
		if found[i] || len(r.events) == 0 {
			continue
		}
		// Records are committed whole, so one of its events speaks for all.
		group.Go(func() (err error) {
			found[i], err = l.has(groupCtx, lane, bucket, &r.events[0])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, false, err
	}
	complete = true
	for i, r := range fresh {
		if !found[i] && len(r.events) > 0 {
			complete = false
			if _, found[i], err = l.Heads.Locate(ctx, l.Applier.log, l.Width, lane, head, &r.events[0]); err != nil {
				return nil, false, err
			}
		}
		// One that holds nothing and is not known any more is passed by.
		if found[i] {
			kept = append(kept, r)
		}
	}
	return kept, complete, nil
}

// place places events where the log has them if nothing came out of its order.
func place(records []placedRecord, stamp *eventlog.Stamp) []Placed {
	var events []Placed
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

// locate places events where the log has them. Logged times follow the log's,
// not what arrived here.
func (l *Live) locate(ctx context.Context, lane event.Lane, head eventlog.Head, records []placedRecord, stamp *eventlog.Stamp,
) ([]Placed, error) {
	var events []Placed
	for _, r := range records {
		for i := range r.events {
			bucket, found, err := l.Heads.Locate(ctx, l.Applier.log, l.Width, lane, head, &r.events[i])
			if err != nil {
				return nil, err
			}
			if !found {
				return nil, fmt.Errorf("locate event at %s: its record is in the log and it is not", r.events[i].Position)
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

// pass moves a stamp over a record, and returns the bucket of its first event.
func pass(stamp *eventlog.Stamp, r placedRecord) (first eventlog.Bucket) {
	for i := range r.events {
		if _, bucket := stamp.Next(r.events[i].Arrival); i == 0 {
			first = bucket
		}
	}
	return first
}

func (l *Live) has(ctx context.Context, lane event.Lane, bucket eventlog.Bucket, a *eventlog.Arrived) (bool, error) {
	in, err := l.Applier.log.Has(ctx, lane, bucket, a.Event.Subject, a.Position)
	if err != nil {
		return false, fmt.Errorf("look up event at %s: %w", a.Position, err)
	}
	return in, nil
}
