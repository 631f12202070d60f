package projection

import (
	"context"
	"errors"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// stepAgain bounds the waiting events that are folded again before the progress is
// stored; chunkBytes bounds their bytes and stepBuckets the buckets read.
const stepAgain = 1000

// again is how the events that wait behind a parked one are folded again.
type again struct {
	// events bounds those of a step.
	events int
	// stops is set if progress can be stored in between. The entities without an
	// identity index have few events, which are folded in one go.
	stops bool
	// firsts returns the position of the first event with the identity of each
	// event, all of which the row has seen.
	firsts func(context.Context, []sighting) (map[event.Digest]event.Position, error)
}

func isCorrection(s *sighting) bool { return event.IsCorrection(&s.Event) }

// names reports whether an event is a correction that names the event with an
// identity.
func names(s *sighting, id event.Digest) bool {
	skip, is := event.SkipOf(&s.Event)
	return is && skip.Named() == id
}

// correct acts on the event that follows the row's position: if it is a correction
// that names the parked event, that event is stepped over, and those behind it are
// folded again. It reports false if more of them remain.
func (f *rowFold) correct(ctx context.Context, s *sighting) (done bool, err error) {
	p := f.row.Parked
	if p.Again == nil {
		if _, skips := event.SkipOf(&s.Event); !skips {
			return true, nil
		}
		if err := f.identifyParked(ctx); err != nil {
			return false, err
		}
		if !names(s, p.Event) {
			return true, nil
		}
		f.stepOver()
	}
	if err := f.reversedWhileWaiting(ctx, s); err != nil {
		return false, err
	}
	for f.row.Parked != nil && f.row.Parked.Again != nil {
		more, err := f.step(ctx)
		if err != nil {
			return false, err
		}
		if more && f.again.stops {
			return false, nil
		}
	}
	return true, nil
}

// reversedWhileWaiting finds out which of the events that wait are left out, if there may
// be any. Where the entity has too many events for that, reversals that wait are rejected
// when their turn comes.
func (f *rowFold) reversedWhileWaiting(ctx context.Context, s *sighting) error {
	if f.row.Parked.Named == 0 {
		return nil
	}
	past, err := f.survey(ctx, s, f.within)
	if f.unfit = unfitness(err); f.unfit != "" {
		return nil
	}
	if err == nil {
		f.out = past.reversed()
	}
	return err
}

// identifyParked reads from the log which event the row is parked at. It is stored
// only once a correction has come, so that an earlier release can read other rows.
func (f *rowFold) identifyParked(ctx context.Context) error {
	p := f.row.Parked
	if p.Event != (event.Digest{}) {
		return nil
	}
	justBelow := p.Position[:len(p.Position)-1]
	return f.history(ctx, f.row.Entity, eventlog.ExpandBuckets(f.row.Buckets), justBelow, p.Position,
		func(b eventlog.Bucket, entry *eventlog.Entry) error {
			if entry.Position != p.Position {
				return nil
			}
			s, err := sightingOf(b, entry)
			if err == nil {
				p.Event, p.Bucket = s.id, b
			}
			return err
		})
}

// stepOver begins to fold the events behind the parked one again. An entity that
// has no state belongs to no projection either.
func (f *rowFold) stepOver() {
	p := f.row.Parked
	p.Again = &datastore.Again{After: p.Position, Bucket: p.Bucket, Over: true}
	if f.row.Count == 0 {
		f.row.Projection = ""
	}
}

// step folds the next of the waiting events again and reports whether there are
// more.
func (f *rowFold) step(ctx context.Context) (more bool, err error) {
	events, next, more, err := f.waiting(ctx)
	if err != nil {
		return false, err
	}
	firsts, err := f.again.firsts(ctx, events)
	if err != nil {
		return false, err
	}
	for i := range events {
		duplicate := firsts[events[i].id] < events[i].Position
		if back := f.foldAgain(&events[i], duplicate); back {
			return true, nil
		}
		if f.row.Parked.Again == nil {
			return false, nil
		}
	}
	if more {
		f.row.Parked.Again.Bucket = next
		return true, nil
	}
	if f.row.Parked.Again.Over {
		f.row.Skipped++
		f.row.Parked = nil
	} else {
		f.row.Parked.Again = nil
	}
	return false, nil
}

// waiting reads the events after those that were folded again, up to the row's
// position, and the bucket at which reading continues if there are more.
func (f *rowFold) waiting(ctx context.Context) (events []sighting, next eventlog.Bucket, more bool, err error) {
	at := f.row.Parked.Again
	buckets := bucketsFrom(eventlog.ExpandBuckets(f.row.Buckets), at.Bucket)
	part := buckets[:min(len(buckets), stepBuckets)]
	if len(buckets) > len(part) {
		next, more = buckets[len(part)], true
	}
	size := 0
	visit := func(b eventlog.Bucket, entry *eventlog.Entry) error {
		s, err := sightingOf(b, entry)
		if err != nil {
			return err
		}
		events = append(events, s)
		if size += len(s.Line); len(events) == f.again.events || size >= chunkBytes {
			next, more = b, true
			return errStepDone
		}
		return nil
	}
	err = f.history(ctx, f.row.Entity, part, at.After, f.row.Position, visit)
	if errors.Is(err, errStepDone) {
		err = nil
	}
	return events, next, more, err
}

// foldAgain folds one waiting event. An event that is rejected is stepped over, too,
// if a later one of the waiting events is a correction that names it: foldAgain then
// returns true, and reading goes back to that event.
func (f *rowFold) foldAgain(s *sighting, duplicate bool) (back bool) {
	p := f.row.Parked
	p.Again.After = s.Position
	switch {
	case duplicate: // it was counted when it was seen
		return false
	case !p.Again.Over:
		if names(s, p.Event) {
			f.stepOver()
			return true
		}
		return false
	}
	p.Waiting--
	if isCorrection(s) {
		p.Named--
	}
	f.row.Parked = nil
	f.apply(s)
	rejected := f.row.Parked
	if rejected == nil {
		f.row.Parked = p
		return false
	}
	f.row.Skipped++ // the event before
	rejected.Waiting, rejected.Named = p.Waiting, p.Named
	if rejected.Named > 0 {
		rejected.Event, rejected.Bucket = s.id, s.Bucket
		rejected.Again = &datastore.Again{After: s.Position, Bucket: s.Bucket}
	}
	return false
}

func sightingOf(b eventlog.Bucket, entry *eventlog.Entry) (sighting, error) {
	p, err := PlacedOf(b, entry)
	if err != nil {
		return sighting{}, err
	}
	return sighting{&p, p.Event.Identity(), contentOf(entry.Line)}, nil
}
