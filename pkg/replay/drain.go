package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// DefaultDrainLimit is how long a drain waits without progress where nothing
// else is said: half of the shortest retention of a Kinesis data stream. Behind
// that, records that nobody took in begin to expire.
const DefaultDrainLimit = 12 * time.Hour

// maxPasses bounds how often lanes are read again at all.
const maxPasses = 1000

// waitsFor is what a drain without progress waits for.
const waitsFor = "the playback consumer"

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
	// end are read again, for records may be lost. For as long as that does not
	// help, each next time comes twice as long after the one before: what is
	// waited for is the consumer, which may be down, and what it has not taken
	// in yet need not be delivered over and over. Limit is how long no mark may
	// move before the replay fails, DefaultDrainLimit where it is 0. Poll is how
	// often marks are looked at, and Sleep how it waits.
	Patience time.Duration
	Limit    time.Duration
	Poll     time.Duration
	Sleep    func(ctx context.Context, d time.Duration) error
}

// Check waits for the drain until it is complete, lanes have to be read again,
// or deadline. The age of the playback stream's iterator is never asked: an
// empty queue proves nothing. ErrStalled once no mark has moved for Limit.
func (d *Drainer) Check(ctx context.Context, id string, deadline time.Time) (Drain, error) {
	row, err := d.Store.Working(ctx, id)
	if err != nil {
		return "", err
	}
	if row.Cancel || row.Status.Ended() {
		return DrainStopped, nil
	}
	if row.Status != Draining && !row.Proof.complete() {
		if row, err = d.Store.Update(ctx, id, draining); err != nil {
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
	w := wait{Drainer: d, row: row, marks: m, deadline: deadline}
	return w.run(ctx)
}

func draining(r *Row) error {
	if r.Proof.complete() {
		return control.Unchanged()
	}
	r.Status = Draining
	return nil
}

// wait is one Check under way.
type wait struct {
	*Drainer
	row      Row
	marks    marks
	deadline time.Time
	// reached is the sum of the marks, quiet since when it has not grown.
	reached int64
	quiet   time.Time
}

func (w *wait) run(ctx context.Context) (Drain, error) {
	now := w.Store.Now()
	w.reached, w.quiet = -1, now
	// A quiet consumer that an earlier Check saw is still the same one.
	if w.row.Waiting != nil {
		w.reached, w.quiet = w.row.Reached, w.row.Waiting.Since
	}
	// It must be seen within one call, however short that is.
	patience := min(w.Patience, w.deadline.Sub(now)/2)
	for {
		s, err := w.survey(ctx, w.row, w.marks)
		if err == nil {
			err = w.progress(ctx, s)
		}
		if err != nil {
			return "", err
		}
		now := w.Store.Now()
		still := now.Sub(w.quiet)
		switch {
		case len(s.short) == 0:
			return Drained, nil
		case !s.unread && still >= w.limit():
			return "", fmt.Errorf("drain replay %s: %d lanes stay behind at event %d for %s: %w",
				w.row.ID, len(s.short), s.reached, still.Round(time.Second), ErrStalled)
		case s.unread || still >= due(patience, w.row.Stalls):
			return w.reread(ctx, s)
		case !now.Before(w.deadline):
			return Waiting, nil
		}
		if err := w.Sleep(ctx, w.Poll); err != nil {
			return "", err
		}
	}
}

func (d *Drainer) limit() time.Duration {
	if d.Limit > 0 {
		return d.Limit
	}
	return DefaultDrainLimit
}

// due is how long after the last progress lanes are read again, having been read
// again so often since: after patience, and then each time twice as long after
// the time before.
func due(patience time.Duration, stalls int) time.Duration {
	return patience * time.Duration(int64(2)<<min(stalls, 20)-1)
}

// progress looks whether marks have moved. Where the row says that the replay
// waits, it says so no longer.
func (w *wait) progress(ctx context.Context, s survey) error {
	if s.reached <= w.reached && len(s.short) > 0 {
		return nil
	}
	w.reached, w.quiet = s.reached, w.Store.Now()
	if w.row.Waiting == nil && w.row.Stalls == 0 {
		return nil
	}
	row, err := w.Store.Update(ctx, w.row.ID, func(r *Row) error {
		if r.Pass != w.row.Pass {
			return control.Unchanged() // another Check has decided since
		}
		r.Waiting, r.Stalls, r.Reached = nil, 0, max(r.Reached, s.reached)
		return nil
	})
	if err == nil {
		w.row.Waiting, w.row.Stalls, w.row.Reached = nil, 0, row.Reached
	}
	return err
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
	checkpoints, err := d.Store.LoadCheckpoints(ctx, row.ID, row.Lanes)
	if err != nil {
		return survey{}, err
	}
	s := survey{}
	if s.marks, err = m.loadAll(ctx, row.Lanes); err != nil {
		return survey{}, err
	}
	for _, lane := range row.Lanes {
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
//
// A lane that is set back needlessly is read again and does no harm. The row,
// however, is changed only if no other Check has decided since and the replay is
// not proved: one that was given up and goes on late unsays nothing.
func (w *wait) reread(ctx context.Context, s survey) (Drain, error) {
	if now, err := w.Store.Load(ctx, w.row.ID); err != nil || !w.decides(&now) {
		return Waiting, err
	}
	for _, lane := range s.short {
		if err := w.Store.rewind(ctx, w.row.ID, lane, s.marks[lane].Place); err != nil {
			return "", err
		}
	}
	decided := false
	row, err := w.Store.Update(ctx, w.row.ID, func(r *Row) error {
		if decided = w.decides(r); !decided {
			return control.Unchanged()
		}
		r.Pass++
		r.Status, r.Reached = Running, max(r.Reached, s.reached)
		if !s.unread {
			r.Stalls++
			r.Waiting = &WaitingFor{For: waitsFor, Since: w.quiet.UTC()}
		}
		return nil
	})
	switch {
	case err != nil:
		return "", err
	case !decided:
		return Waiting, nil
	case row.Pass > maxPasses:
		return "", fmt.Errorf("drain replay %s: lanes were read again %d times: %w", row.ID, row.Pass, ErrStalled)
	}
	return Reread, nil
}

// decides reports whether nothing was decided since this Check began.
func (w *wait) decides(r *Row) bool {
	return r.Pass == w.row.Pass && !r.Proof.complete() && !r.Status.Ended()
}
