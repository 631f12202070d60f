package refold

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// ErrTooLong says that a history has more events, or more bytes, than may be read. A
// retry cannot help.
var ErrTooLong = errors.New("the history is too long to be folded at once")

// Part is the part of an entity's history that is read.
type Part struct {
	Lane   event.Lane
	Entity string
	// Buckets are those in which the entity has events, ascending.
	Buckets []eventlog.Bucket
	// UpTo is the last position, which the lane's head must cover, and Logged, unless
	// it is 0, the last logged time in milliseconds.
	UpTo   event.Position
	Logged int64
	// MaxEvents and MaxBytes bound what is read and kept in memory; 0 events is no
	// bound.
	MaxEvents, MaxBytes int
}

var errEnough = errors.New("enough")

// History is what Read has read.
type History struct {
	Events []projection.Placed
	// Logged is the logged time of the last event in milliseconds.
	Logged int64
}

// Read returns the events of a part in order, or ErrTooLong.
func Read(ctx context.Context, log eventlog.View, p *Part) (read History, err error) {
	size := 0
	take := func(b eventlog.Bucket, entry *eventlog.Entry) error {
		if p.Logged != 0 && entry.Logged > p.Logged {
			return errEnough
		}
		if size += len(entry.Line); size > p.MaxBytes || (p.MaxEvents > 0 && len(read.Events) == p.MaxEvents) {
			return ErrTooLong
		}
		placed, err := projection.PlacedOf(b, entry)
		read.Events, read.Logged = append(read.Events, placed), entry.Logged
		return err
	}
	err = log.History(ctx, p.Lane, p.Entity, p.Buckets, "", p.UpTo, take)
	if err != nil && !errors.Is(err, errEnough) {
		return History{}, fmt.Errorf("read events of lane %s: %w", p.Lane, err)
	}
	return read, nil
}

// Fold folds events of one entity of a lane, which are given to Take in order. It is used
// by one goroutine.
type Fold struct {
	applier *projection.Applier
	lane    event.Lane
	entity  string
	into    Scratch
}

// Begin returns a fold of nothing. The applier should be one that is Apart or Aside, so
// that other folds keep what they remember.
func Begin(applier *projection.Applier, lane event.Lane) *Fold {
	return &Fold{applier: applier, lane: lane}
}

// Take folds the next events in. An event that is rejected parks the entity, and is no
// error.
func (f *Fold) Take(ctx context.Context, events []projection.Placed) error {
	if len(events) > 0 {
		f.entity = events[0].Event.Subject
	}
	_, err := f.applier.Apply(ctx, projection.Target{Generation: &f.into, Lane: f.lane}, events)
	if err != nil {
		return fmt.Errorf("fold events of lane %s: %w", f.lane, err)
	}
	return nil
}

// Row is what the events were folded into so far, nil before the first one. It must not
// be changed.
func (f *Fold) Row() *datastore.Row { return f.into.Row(f.entity) }
