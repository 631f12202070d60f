package projection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

var (
	// ErrBehind says that the log does not cover the records yet: retry after a
	// pause. The Data Store is never ahead of the log.
	ErrBehind = errors.New("the log does not cover the record yet")
	// ErrOtherVersion says that a generation belongs to another version of the
	// projections. It stands still until a rebuild makes one of this version
	// active.
	ErrOtherVersion = errors.New("generation belongs to another version of the projections")
)

// Live is the consumer of the event stream that keeps a generation up to date.
// It is safe for concurrent use; two at work on one lane do no harm.
type Live struct {
	Heads       eventlog.Heads
	Registry    datastore.Registry
	Generations datastore.Generations
	Decoder     *eventlog.Decoder
	Width       eventlog.Width
	Applier     *Applier
	// Patience is how long Write waits for the pump before it gives up, and
	// Pause how it waits.
	Patience time.Duration
	Pause    func(ctx context.Context, d time.Duration) error
}

// Written says what became of a batch.
type Written struct {
	// Done is the number of records, from the first, that need not come again.
	Done int
	Tally
	// Lost is set where the generation has lost its marks: nothing is folded
	// into it, and a rebuild has to replace it.
	Lost bool
}

// pollHead is how often a waiting Write looks at the head.
const pollHead = 10 * time.Millisecond

// Write folds records of one lane, in the order of the stream, into a
// generation. With an error, the records from Written.Done on must come again.
func (l *Live) Write(ctx context.Context, generation string, lane event.Lane, records []eventlog.Incoming) (Written, error) {
	folded, err := l.folded(ctx, generation, lane)
	if err != nil {
		return Written{}, err
	}
	batch, err := l.decode(lane, records, folded)
	if err != nil {
		return Written{}, err
	}
	covered, err := l.awaitHead(ctx, lane, batch)
	if err != nil || covered == 0 {
		return Written{}, err
	}
	// The head is read before the hold: what a hold allowed when the heads
	// were read is what the new generation is waited for.
	info, err := l.Registry.MayWrite(ctx, generation)
	switch {
	case errors.Is(err, datastore.ErrUnknown) || (err == nil && !info.Consumes()):
		return Written{Done: len(records)}, nil
	case err != nil:
		return Written{}, err
	case info.Version != l.Applier.Version():
		return Written{}, fmt.Errorf("write to generation %s of %s: %w", generation, info.Version, ErrOtherVersion)
	}
	written, err := l.apply(ctx, info, lane, batch[:covered])
	if errors.Is(err, datastore.ErrNoMark) || errors.Is(err, datastore.ErrNoGeneration) {
		return Written{Done: len(records), Lost: true}, nil
	}
	if err != nil {
		return Written{}, err
	}
	written.Done = covered
	if covered < len(records) {
		return written, fmt.Errorf("write record %d of lane %s: %w", covered, lane, ErrBehind)
	}
	return written, nil
}

// placed is a decoded record with the position at its end.
type placedRecord struct {
	last   event.Position
	events []eventlog.Arrived
}

// folded returns the generation's mark, "" where it has none: that is for apply
// to deal with.
func (l *Live) folded(ctx context.Context, generation string, lane event.Lane) (event.Position, error) {
	mark, _, err := l.Generations.Open(generation).Mark(ctx, datastore.LiveMark, lane)
	if errors.Is(err, datastore.ErrNoMark) || errors.Is(err, datastore.ErrNoGeneration) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read mark of lane %s: %w", lane, err)
	}
	return mark.Position, nil
}

// decode leaves records that are folded in already as they are: a generation's
// new consumer passes a whole stream of them.
func (l *Live) decode(lane event.Lane, records []eventlog.Incoming, folded event.Position) ([]placedRecord, error) {
	batch := make([]placedRecord, 0, len(records))
	for _, in := range records {
		end, err := event.NewPosition(l.Decoder.Epoch, in.Sequence, event.MaxIndex)
		if err != nil {
			return nil, fmt.Errorf("place record: %w", err)
		}
		if end <= folded {
			batch = append(batch, placedRecord{})
			continue
		}
		decoded, err := l.Decoder.Decode(lane, in)
		var bad *eventlog.Undecodable
		switch {
		case errors.As(err, &bad):
			// The pump sets it aside at its position; here it only has to be
			// passed.
			batch = append(batch, placedRecord{last: bad.Position})
		case err != nil:
			return nil, err
		default:
			batch = append(batch, placedRecord{last: decoded.Last, events: decoded.Events})
		}
	}
	return batch, nil
}

// awaitHead waits until the head covers the batch or patience ends, and
// returns how many records it covers. None is ErrBehind.
func (l *Live) awaitHead(ctx context.Context, lane event.Lane, batch []placedRecord) (int, error) {
	for waited := time.Duration(0); ; waited += pollHead {
		head, err := l.Heads.Load(ctx, lane)
		if err != nil {
			return 0, err
		}
		covered := 0
		for covered < len(batch) && batch[covered].last <= head.Position {
			covered++
		}
		if covered == len(batch) {
			return covered, nil
		}
		if waited >= l.Patience {
			if covered == 0 {
				err = fmt.Errorf("write first record of lane %s: %w", lane, ErrBehind)
			}
			return covered, err
		}
		if err := l.Pause(ctx, pollHead); err != nil {
			return 0, err
		}
	}
}

func (l *Live) apply(ctx context.Context, info datastore.Info, lane event.Lane, batch []placedRecord) (Written, error) {
	generation := l.Generations.Open(info.ID)
	mark, version, err := generation.Mark(ctx, datastore.LiveMark, lane)
	if err != nil {
		return Written{}, fmt.Errorf("read mark of lane %s: %w", lane, err)
	}
	stamp := eventlog.Stamp{Width: l.Width, Logged: mark.Logged}
	var events []Placed
	moved := mark.Position
	for _, r := range batch {
		if r.last <= moved {
			continue
		}
		moved = r.last
		for i := range r.events {
			a := &r.events[i]
			_, bucket := stamp.Next(a.Arrival)
			events = append(events, Placed{Event: a.Event, Position: a.Position, Bucket: bucket, Line: a.Line})
		}
	}
	if moved == mark.Position {
		return Written{}, nil
	}
	tally, err := l.Applier.Apply(ctx, Target{ID: info.ID, Generation: generation, Lane: lane}, events)
	if err != nil {
		return Written{}, err
	}
	mark.Position, mark.Logged = moved, stamp.Logged
	if _, err := generation.SetMark(ctx, datastore.LiveMark, lane, mark, version); err != nil {
		return Written{}, fmt.Errorf("move mark of lane %s: %w", lane, err)
	}
	return Written{Tally: tally}, nil
}
