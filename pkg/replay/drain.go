package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// maxStalls bounds how often lanes are read again without any progress before
// the replay fails: its records are not consumed, and somebody has to look.
const maxStalls = 5

// maxPasses bounds how often lanes are read again at all.
const maxPasses = 1000

// ErrStalled says that records are delivered but not consumed.
var ErrStalled = errors.New("the playback consumer makes no progress")

// Drain is the state of the drain.
type Drain string

// The states of a drain.
const (
	// Drained: every mark has reached its lane's end marker.
	Drained Drain = "drained"
	// Waiting: records are still being consumed.
	Waiting Drain = "waiting"
	// Reread: some lanes stopped short of their end markers; they have been
	// set back to their marks and must be read again.
	Reread Drain = "reread"
	// DrainStopped: the replay was cancelled or has ended.
	DrainStopped Drain = "stopped"
)

// Drainer waits until what was delivered is consumed. It is safe for
// concurrent use.
type Drainer struct {
	Store       Store
	Registry    datastore.Registry
	Generations datastore.Generations
	// Patience is how long no mark may move before the lanes short of their
	// end are taken for stalled, Poll how often marks are looked at, and Pause
	// how it waits.
	Patience time.Duration
	Poll     time.Duration
	Pause    func(ctx context.Context, d time.Duration) error
}

// Check waits for the drain until it is complete, stalled, or deadline. The age
// of the playback stream's iterator is never asked: an empty queue proves
// nothing.
func (d *Drainer) Check(ctx context.Context, id string, deadline time.Time) (Drain, error) {
	row, err := d.Store.working(ctx, id)
	if err != nil {
		return "", err
	}
	if row.Cancel || row.Status.Ended() {
		return DrainStopped, nil
	}
	if row.Status != Draining {
		if row, err = d.Store.Update(ctx, id, func(r *Row) error { r.Status = Draining; return nil }); err != nil {
			return "", err
		}
	}
	m, err := openMarks(ctx, d.Store, d.Registry, d.Generations, row)
	if err == nil {
		err = m.fits(d.Store.Version)
	}
	if err != nil {
		return "", fmt.Errorf("drain replay %s: %w", id, err)
	}
	return d.wait(ctx, row, m, deadline)
}

func (d *Drainer) wait(ctx context.Context, row Row, m marks, deadline time.Time) (Drain, error) {
	// A stall must be seen within one call, however short it is.
	patience := min(d.Patience, deadline.Sub(d.Store.Now())/2)
	last, quiet := int64(-1), d.Store.Now()
	for {
		s, err := d.survey(ctx, row, m)
		if err != nil {
			return "", err
		}
		if len(s.short) == 0 {
			return Drained, nil
		}
		now := d.Store.Now()
		if s.reached != last {
			last, quiet = s.reached, now
		}
		switch {
		case s.unread || now.Sub(quiet) >= patience:
			return d.reread(ctx, row, m, s)
		case !now.Before(deadline):
			return Waiting, nil
		}
		if err := d.Pause(ctx, d.Poll); err != nil {
			return "", err
		}
	}
}

// survey is one look at all lanes.
type survey struct {
	// short are the lanes whose mark lies before the end marker.
	short []event.Lane
	marks map[event.Lane]datastore.Mark
	// unread is set where a lane that is short is not read to its end, although
	// no reader is at work any more.
	unread  bool
	reached int64
}

func (d *Drainer) survey(ctx context.Context, row Row, m marks) (survey, error) {
	checkpoints, err := d.Store.loadCheckpoints(ctx, row.ID, row.Lanes)
	if err != nil {
		return survey{}, err
	}
	s := survey{}
	if s.marks, err = m.loadAll(ctx, row.Lanes); err != nil {
		return survey{}, err
	}
	for _, n := range row.Lanes {
		lane := event.Lane(n)
		at, mark := checkpoints[lane], s.marks[lane]
		s.reached += mark.Ordinal
		if at.End != nil && mark.Ordinal >= at.End.Delivered.Count {
			continue
		}
		s.short = append(s.short, lane)
		if !at.Done {
			s.unread = true
		}
	}
	return s, nil
}

// reread sets the lanes that are short of their end back to their marks, to be
// read again from there. What the consumer has by then it drops as repeated. It
// counts as a stall only where the lanes had been read to their ends: whoever
// died between setting back and reading, or was told of a failure, must not
// use up the replay's patience.
func (d *Drainer) reread(ctx context.Context, row Row, m marks, s survey) (Drain, error) {
	for _, lane := range s.short {
		if err := d.Store.rewind(ctx, row.ID, lane, s.marks[lane].Place); err != nil {
			return "", err
		}
	}
	updated, err := d.Store.Update(ctx, row.ID, func(r *Row) error {
		r.Pass++
		r.Status = Running
		if s.reached > r.Reached {
			r.Reached, r.Stalls = s.reached, 0
		}
		if !s.unread {
			r.Stalls++
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if updated.Stalls > maxStalls || updated.Pass > maxPasses {
		return "", fmt.Errorf("drain replay %s: %d lanes stay behind at event %d: %w", row.ID, len(s.short), s.reached, ErrStalled)
	}
	return Reread, nil
}
