package projection

import (
	"context"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// gapPage bounds a page of the log that is read to close a gap.
const gapPage = 1000

// closeGap folds the events of a lane between a mark and a position, read from
// the log, page by page. It reads each bucket whole, which is expensive and
// almost never needed. It returns how many events it found; what is folded in
// already is passed over by the rows' positions.
func (l *Live) closeGap(ctx context.Context, to Target, head eventlog.Head, mark datastore.Mark, want *logged,
) (tally Tally, found int64, err error) {
	g := &gap{live: l, to: to, head: &head, from: mark.Position, end: want.end, stamp: &want.stamp}
	bucket := func(b eventlog.Bucket, m eventlog.Manifest) error {
		if m.Last <= g.from || m.First > g.end {
			return nil
		}
		return g.bucket(ctx, b, &m)
	}
	err = l.Heads.Manifests(ctx, to.Lane, head, l.Width.Of(mark.Logged), "", bucket)
	if err != nil {
		return g.tally, g.found, fmt.Errorf("read events of lane %s from the log: %w", to.Lane, err)
	}
	return g.tally, g.found, nil
}

// gap is a gap that is being closed.
type gap struct {
	live      *Live
	to        Target
	head      *eventlog.Head
	from, end event.Position
	stamp     *eventlog.Stamp
	tally     Tally
	found     int64
}

// bucket folds a bucket's events in the order of their keys: an entity's lie
// side by side there, in position order.
func (g *gap) bucket(ctx context.Context, b eventlog.Bucket, m *eventlog.Manifest) error {
	roster, err := g.live.Heads.Roster(ctx, g.to.Lane, g.head, m)
	if err != nil {
		return err
	}
	for after := ""; ; {
		page, err := g.live.Log.Read(ctx, g.to.Lane, b, after, eventlog.PageLimit{Entries: gapPage}, true)
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
		parsed, err := event.Parse(string(e.Line))
		if err != nil {
			return fmt.Errorf("parse event at %s: %w", e.Position, err)
		}
		g.stamp.Logged = max(g.stamp.Logged, e.Logged)
		events = append(events, Placed{Event: parsed, Position: e.Position, Bucket: b, Line: e.Line})
	}
	tally, err := g.live.Applier.Apply(ctx, g.to, events)
	g.tally.plus(tally)
	g.found += int64(len(events))
	return err
}
