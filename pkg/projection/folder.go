package projection

import (
	"context"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// Placed is an event with its place in the log.
type Placed struct {
	Event    event.Event
	Position event.Position
	Bucket   eventlog.Bucket
	// Line is the canonical encoding.
	Line []byte
}

// rowFold folds a batch of one entity's events into its row.
type rowFold struct {
	set  *Set
	row  datastore.Row
	past past
	fold Fold
}

// newFold starts from a row, which it does not change.
func newFold(set *Set, row *datastore.Row) *rowFold {
	f := &rowFold{set: set, row: *row}
	if row.Parked != nil {
		parked := *row.Parked
		f.row.Parked = &parked
	}
	return f
}

// all folds events at positions after the row's. A rejection is not an error: it
// parks the entity.
func (f *rowFold) all(ctx context.Context, events []sighting) error {
	for i := range events {
		if err := f.take(ctx, &events[i]); err != nil {
			return err
		}
	}
	return nil
}

// take applies the rule for duplicates: an event is one if an event of the entity
// at an earlier position in the log has the same source and id.
func (f *rowFold) take(ctx context.Context, s *sighting) error {
	content, duplicate, err := f.past.earlier(ctx, s)
	if err != nil {
		return err
	}
	// The event was seen, whatever its outcome.
	f.row.Position = s.Position
	f.row.Buckets = eventlog.AddBucket(f.row.Buckets, s.Bucket)
	switch {
	case duplicate:
		f.row.Duplicates++
		if content != s.content {
			f.row.Conflicts++
		}
	case f.row.Parked != nil:
		f.row.Parked.Waiting++
	default:
		f.apply(s.Placed)
	}
	return nil
}

func (f *rowFold) apply(p *Placed) {
	projection := f.set.For(p.Event.Type)
	if projection == nil {
		f.row.Ignored++
		return
	}
	if err := f.applyTo(projection, p); err != nil {
		f.row.Parked = &datastore.Parked{Position: p.Position, Type: p.Event.Type, Reason: err.Error()}
		f.fold = nil
		return
	}
	f.row.Count++
	f.row.Chain = f.row.Chain.Chain(event.DigestOf(p.Position, p.Line))
}

// applyTo folds an event in. Its errors are short, as are those of a Set's
// projections.
func (f *rowFold) applyTo(projection Projection, p *Placed) error {
	if f.row.Projection == "" {
		f.row.Projection = projection.Name()
	}
	if f.row.Projection != projection.Name() {
		return plainError(fmt.Errorf("the entity belongs to projection %s, not to %s", f.row.Projection, projection.Name()))
	}
	if f.fold == nil {
		fold, err := projection.Begin(f.row.State)
		if err != nil {
			return err
		}
		f.fold = fold
	}
	state, err := f.fold.Apply(&p.Event)
	if err != nil {
		return err
	}
	f.row.State = state
	return nil
}
