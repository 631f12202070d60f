package rowdiff

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/projection/refold"
)

const (
	// page bounds the rows of each generation that are in memory for a lane.
	page = 200
	// settleTries is how often rows that stand at different events are read again, and
	// settlePause the time before that.
	settleTries = 3
	settlePause = 100 * time.Millisecond
	// maxFolded and maxFoldedBytes bound the history of an entity that is folded.
	maxFolded      = 10_000
	maxFoldedBytes = 4 << 20
)

// Differ compares the rows of two generations. It is safe for concurrent use.
type Differ struct {
	Old, New datastore.Generation
	// OldVersion and NewVersion are the generations' versions of the projections.
	OldVersion, NewVersion string
	Log                    eventlog.View
	// Applier folds rows of its version to other positions.
	Applier *projection.Applier
	Sleep   func(ctx context.Context, d time.Duration) error
	// Enough is asked before each page whether to stop; nil never stops.
	Enough func() bool
	// Entities bounds the entities of each lane that are looked at; 0 is no bound.
	Entities int
}

// Lanes compares lanes, several at a time, and adds what differs to a report.
func (d *Differ) Lanes(ctx context.Context, lanes []event.Lane, into *Report) error {
	found := make([]Report, len(lanes))
	err := datastore.EachLane(ctx, lanes, func(ctx context.Context, i int, lane event.Lane) (err error) {
		found[i], err = d.lane(ctx, lane)
		return err
	})
	if err != nil {
		return fmt.Errorf("compare generations: %w", err)
	}
	for i := range found {
		into.merge(&found[i])
	}
	return nil
}

func (d *Differ) lane(ctx context.Context, id event.Lane) (Report, error) {
	l := lane{differ: d, id: id, report: Report{Complete: true}}
	l.old, l.fresh = rows{of: d.Old, lane: id}, rows{of: d.New, lane: id}
	for seen := 0; ; seen++ {
		if d.Entities > 0 && seen >= d.Entities {
			return l.report, l.more(ctx)
		}
		done, err := l.next(ctx)
		if done || err != nil {
			return l.report, err
		}
	}
}

// lane compares the rows of a lane in the order in which both generations list them.
type lane struct {
	differ     *Differ
	id         event.Lane
	old, fresh rows
	report     Report
	// vain says that a wait for rows to come to the same event was in vain, and that none
	// has come to it since.
	vain bool
}

// more notes that the report is not complete if the lane has more rows.
func (l *lane) more(ctx context.Context) error {
	for _, side := range []*rows{&l.old, &l.fresh} {
		row, err := side.first(ctx)
		if err != nil {
			return err
		}
		l.report.Complete = l.report.Complete && row == nil
	}
	return nil
}

// next compares the entity that comes first, and reports whether there is none.
func (l *lane) next(ctx context.Context) (done bool, err error) {
	if enough := l.differ.Enough; (l.old.empty() || l.fresh.empty()) && enough != nil && enough() {
		l.report.Complete = false
		return true, nil
	}
	old, err := l.old.first(ctx)
	if err != nil {
		return false, err
	}
	fresh, err := l.fresh.first(ctx)
	switch {
	case err != nil:
		return false, err
	case old == nil && fresh == nil:
		return true, nil
	case old == nil || fresh != nil && event.EscapeEntity(fresh.Entity) < event.EscapeEntity(old.Entity):
		old = nil
		l.fresh.drop()
	case fresh == nil || event.EscapeEntity(old.Entity) < event.EscapeEntity(fresh.Entity):
		fresh = nil
		l.old.drop()
	default:
		l.old.drop()
		l.fresh.drop()
	}
	return false, l.settle(ctx, old, fresh)
}

// settle compares two rows of an entity, of which one may be nil, once they stand at the
// same event. Where a generation stands still, or is far behind, that is waited for once, and
// not for each of its rows.
func (l *lane) settle(ctx context.Context, old, fresh *datastore.Row) error {
	entity := ""
	for try := 0; ; try++ {
		switch {
		case old != nil && fresh != nil && old.Position == fresh.Position && whole(old) && whole(fresh):
			l.report.compare(l.id, old, fresh)
			l.vain = l.vain && try == 0
			return nil
		case old == nil && fresh == nil: // it was read before it was there in full
			return nil
		case old != nil:
			entity = old.Entity
		default:
			entity = fresh.Entity
		}
		if try == settleTries || try > 0 && l.vain {
			l.vain = true
			return l.fold(ctx, old, fresh)
		}
		if try > 0 {
			if err := l.differ.Sleep(ctx, settlePause); err != nil {
				return err
			}
		}
		var err error
		if old, err = l.read(ctx, l.differ.Old, entity); err != nil {
			return err
		}
		if fresh, err = l.read(ctx, l.differ.New, entity); err != nil {
			return err
		}
	}
}

// whole reports whether a row has all events up to its position: after a correction, those
// that waited are folded again in steps.
func whole(row *datastore.Row) bool { return row.Parked == nil || row.Parked.Again == nil }

func (l *lane) read(ctx context.Context, from datastore.Generation, entity string) (*datastore.Row, error) {
	found, err := from.Rows(ctx, l.id, []string{entity})
	if err != nil {
		return nil, fmt.Errorf("read row of lane %s: %w", l.id, err)
	}
	row, exists := found[entity]
	if !exists {
		return nil, nil
	}
	return &row, nil
}

// fold compares rows that do not come to stand at the same event: the row of the version
// that is at hand is folded anew, up to the other's position. A row that one generation
// lacks is missing only if that generation has come as far.
func (l *lane) fold(ctx context.Context, old, fresh *datastore.Row) error {
	d := l.differ
	switch {
	case old == nil:
		return l.missing(ctx, d.Old, old, fresh)
	case fresh == nil:
		return l.missing(ctx, d.New, old, fresh)
	case !whole(old) || !whole(fresh):
	case d.NewVersion == d.Applier.Version():
		folded, err := l.refold(ctx, old)
		if folded != nil {
			l.report.compare(l.id, old, folded)
		}
		return err
	case d.OldVersion == d.Applier.Version():
		folded, err := l.refold(ctx, fresh)
		if folded != nil {
			l.report.compare(l.id, folded, fresh)
		}
		return err
	}
	l.report.Unsettled++
	return nil
}

// missing compares a row with none, if the generation without it has come as far.
func (l *lane) missing(ctx context.Context, without datastore.Generation, old, fresh *datastore.Row) error {
	at := event.Position("")
	if old != nil {
		at = old.Position
	} else {
		at = fresh.Position
	}
	mark, _, err := without.Mark(ctx, datastore.LiveMark, l.id)
	switch {
	case err != nil:
		return fmt.Errorf("load mark of lane %s: %w", l.id, err)
	case mark.Position < at:
		l.report.Unsettled++
	default:
		l.report.compare(l.id, old, fresh)
	}
	return nil
}

// refold folds the events of an entity up to a row's position. It returns nil, and counts
// the entity, if they are too many.
func (l *lane) refold(ctx context.Context, row *datastore.Row) (*datastore.Row, error) {
	part := refold.Part{
		Lane:      l.id,
		Entity:    row.Entity,
		Buckets:   eventlog.ExpandBuckets(row.Buckets),
		UpTo:      row.Position,
		MaxEvents: maxFolded,
		MaxBytes:  maxFoldedBytes,
	}
	read, err := refold.Read(ctx, l.differ.Log, &part)
	if errors.Is(err, refold.ErrTooLong) {
		l.report.Unsettled++
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	fold := refold.Begin(l.differ.Applier.Aside(), l.id)
	if err := fold.Take(ctx, read.Events); err != nil {
		return nil, err
	}
	folded := fold.Row()
	if folded == nil || folded.Position != row.Position {
		l.report.Unsettled++
		return nil, nil
	}
	return folded, nil
}

// rows reads the rows of a lane of a generation page by page.
type rows struct {
	of    datastore.Generation
	lane  event.Lane
	read  []datastore.Row
	after string
	ended bool
}

// empty reports whether the next row has to be read.
func (r *rows) empty() bool { return len(r.read) == 0 && !r.ended }

// first returns the next row, nil if there is none.
func (r *rows) first(ctx context.Context) (*datastore.Row, error) {
	if r.empty() {
		read, err := r.of.Scan(ctx, r.lane, r.after, page)
		if err != nil {
			return nil, fmt.Errorf("read rows of lane %s: %w", r.lane, err)
		}
		r.read, r.ended = read, !datastore.MoreRows(read, page)
		if len(read) > 0 {
			r.after = read[len(read)-1].Entity
		}
	}
	if len(r.read) == 0 {
		return nil, nil
	}
	return &r.read[0], nil
}

// drop passes over the first row.
func (r *rows) drop() { r.read = r.read[1:] }
