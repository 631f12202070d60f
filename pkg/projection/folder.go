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
	// history reads the entity's events, and again folds those that wait behind a
	// parked one.
	history history
	again   again
	refolding
	reversing
	// overlooked is, in a fold from nothing whose end is known, the position of the last
	// correction that names each identity.
	overlooked map[event.Digest]event.Position
}

// newFold starts from a row, which it does not change.
func newFold(set *Set, row *datastore.Row) *rowFold {
	f := &rowFold{set: set, row: *row}
	f.row.Parked = row.Parked.Clone()
	return f
}

// all folds events at positions after the row's. A rejection is not an error: it
// parks the entity. all reports false if it ended before an event because more
// events wait behind the parked one than one step may fold again, or because the entity
// was folded again so often that the row has to be written.
func (f *rowFold) all(ctx context.Context, events []sighting) (done bool, err error) {
	for i := range events {
		if f.refolding.work >= chunkRefolded {
			return false, nil
		}
		if done, err = f.take(ctx, &events[i]); err != nil || !done {
			return false, err
		}
	}
	return true, nil
}

// take applies the rule for duplicates: an event is one if an event of the entity
// at an earlier position in the log has the same source and id. It reports false if
// the event has to be taken again once more of the waiting events are folded.
func (f *rowFold) take(ctx context.Context, s *sighting) (done bool, err error) {
	content, duplicate, err := f.past.earlier(ctx, s)
	if err != nil {
		return false, err
	}
	if !duplicate {
		if content, duplicate, err = f.folds(ctx, s); err != nil {
			return false, err
		}
	}
	if !duplicate && f.row.Parked != nil {
		if done, err := f.correct(ctx, s); err != nil || !done {
			return false, err
		}
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
		if isCorrection(s) {
			f.row.Parked.Named++
		}
	default:
		f.apply(s)
	}
	return true, nil
}

// apply folds an event into a row that is not parked. A correction has no effect
// then, but a reversal that brings its inverse.
func (f *rowFold) apply(s *sighting) {
	placed := s.Placed
	if isCorrection(s) {
		inverse := f.inverse(s)
		switch {
		case inverse != nil:
			placed = inverse
		case f.unfit != "" && f.leavesOut(f, s):
			f.reject(s, f.unfit)
			return
		default:
			f.row.Corrections++
			return
		}
	}
	projection := f.set.For(placed.Event.Type)
	switch {
	case projection == nil:
		f.row.Ignored++
		return
	case f.out[s.id]:
		f.overlook()
		return
	}
	if err := f.applyTo(projection, placed); err != nil {
		f.reject(s, err.Error())
		return
	}
	f.row.Count++
	f.row.Chain = f.row.Chain.Chain(event.DigestOf(s.Position, s.Line))
}

// inverse is the event that a reversal brings, nil if it brings none that a projection
// handles.
func (f *rowFold) inverse(s *sighting) *Placed {
	reversal, is := event.ReversalOf(&s.Event)
	if !is || reversal.Inverse == nil || f.set.For(reversal.Inverse.Type) == nil {
		return nil
	}
	placed := *s.Placed
	placed.Event = reversal.Inverse.As(&s.Event)
	return &placed
}

// reject parks the entity at an event, unless it is known that the event is stepped over.
func (f *rowFold) reject(s *sighting, reason string) {
	if f.overlooked[s.id] > s.Position {
		f.overlook()
		return
	}
	f.row.Parked = &datastore.Parked{Position: s.Position, Type: s.Event.Type, Reason: reason}
	f.fold = nil
}

// overlook steps over an event that was rejected, or is reversed. An entity that has no
// state belongs to no projection either.
func (f *rowFold) overlook() {
	f.row.Skipped++
	f.fold = nil
	if f.row.Count == 0 {
		f.row.Projection = ""
	}
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
