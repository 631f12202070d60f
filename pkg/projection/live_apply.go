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

// parallelLookUps bounds the events that are looked up in the log at a time.
const parallelLookUps = 16

// apply folds what the head covers into the generation and moves its mark.
func (l *Live) apply(ctx context.Context, info datastore.Info, lane event.Lane, head eventlog.Head, batch []placedRecord,
) (Written, error) {
	generation := l.Generations.Open(info.ID)
	mark, version, err := generation.Mark(ctx, datastore.LiveMark, lane)
	if err != nil {
		return Written{}, fmt.Errorf("read mark of lane %s: %w", lane, err)
	}
	arrived, moved := behind(mark.Position, batch)
	if moved == mark.Position {
		return Written{}, nil
	}
	stamp := eventlog.Stamp{Width: l.Width, Logged: mark.Logged}
	events := place(arrived, &stamp)
	// The pump counted the same events up to the same place: nothing among
	// them was late. Where the head is further on, the log has to be asked.
	if moved != head.Position || mark.Ordinal+int64(len(events)) != head.Count {
		if events, err = l.inLog(ctx, lane, head, arrived, events, mark, &stamp); err != nil {
			return Written{}, err
		}
	}
	tally, err := l.Applier.Apply(ctx, Target{ID: info.ID, Generation: generation, Lane: lane}, events)
	if err != nil {
		return Written{}, err
	}
	mark.Position, mark.Logged = moved, stamp.Logged
	mark.Ordinal += int64(len(events))
	if _, err := generation.SetMark(ctx, datastore.LiveMark, lane, mark, version); err != nil {
		return Written{}, fmt.Errorf("move mark of lane %s: %w", lane, err)
	}
	return Written{Tally: tally, Late: len(arrived) - len(events)}, nil
}

// behind returns the events of the records that lie behind a position, and
// where they end.
func behind(at event.Position, batch []placedRecord) ([]*eventlog.Arrived, event.Position) {
	var arrived []*eventlog.Arrived
	for _, r := range batch {
		if r.last <= at {
			continue
		}
		at = r.last
		for i := range r.events {
			arrived = append(arrived, &r.events[i])
		}
	}
	return arrived, at
}

func place(arrived []*eventlog.Arrived, stamp *eventlog.Stamp) []Placed {
	events := make([]Placed, len(arrived))
	for i, a := range arrived {
		events[i] = placeOne(a, stamp)
	}
	return events
}

func placeOne(a *eventlog.Arrived, stamp *eventlog.Stamp) Placed {
	_, bucket := stamp.Next(a.Arrival)
	return Placed{Event: a.Event, Position: a.Position, Bucket: bucket, Line: a.Line}
}

// inLog returns those of the events that the log has. A record that reached
// the pump after the head had passed it is quarantined, although it may reach
// this consumer in its place: a reshard can deliver so. All events are looked
// up side by side; only where one is not where it is expected, one by one.
func (l *Live) inLog(ctx context.Context, lane event.Lane, head eventlog.Head, arrived []*eventlog.Arrived, events []Placed,
	mark datastore.Mark, stamp *eventlog.Stamp,
) ([]Placed, error) {
	found := make([]bool, len(events))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelLookUps)
	for i := range events {
		group.Go(func() (err error) {
			found[i], err = l.has(groupCtx, lane, &events[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if !slices.Contains(found, false) {
		return events, nil
	}
	stamp.Logged = mark.Logged
	return l.locate(ctx, lane, head, arrived, stamp)
}

// locate places events where the log has them, and leaves those out that it
// has not. Logged times follow the log's, not what arrived here.
func (l *Live) locate(ctx context.Context, lane event.Lane, head eventlog.Head, arrived []*eventlog.Arrived, stamp *eventlog.Stamp,
) ([]Placed, error) {
	var kept []Placed
	for _, a := range arrived {
		bucket, found, err := l.Heads.Locate(ctx, l.Applier.log, l.Width, lane, head, a)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		p := placeOne(a, stamp)
		from, _, err := l.Width.Range(bucket)
		if err != nil {
			return nil, err
		}
		p.Bucket, stamp.Logged = bucket, max(stamp.Logged, from)
		kept = append(kept, p)
	}
	return kept, nil
}

func (l *Live) has(ctx context.Context, lane event.Lane, p *Placed) (bool, error) {
	in, err := l.Applier.log.Has(ctx, lane, p.Bucket, p.Event.Subject, p.Position)
	if err != nil {
		return false, fmt.Errorf("look up event at %s: %w", p.Position, err)
	}
	return in, nil
}
