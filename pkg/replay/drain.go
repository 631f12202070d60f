package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// DefaultDrainLimit is the default of Drainer.Limit: half of the shortest retention
// of a Kinesis data stream, so that no record expires before the drain gives up.
const DefaultDrainLimit = 12 * time.Hour

// maxPasses bounds how often lanes are read again in one replay.
const maxPasses = 1000

// waitsFor names what a drain without progress waits for.
const waitsFor = "the playback consumer"

// ErrStalled says that records were delivered but are not consumed.
var ErrStalled = errors.New("the playback consumer makes no progress")

// Drain is the state of the drain.
type Drain string

// The states of a drain.
const (
	// Drained: every mark has reached its lane's end marker.
	Drained Drain = "drained"
	// Waiting: records are still being consumed.
	Waiting Drain = "waiting"
	// Reread: some marks have not reached their lanes' end markers; the lanes'
	// checkpoints were set back to the marks, and they must be read again.
	Reread Drain = "reread"
	// DrainStopped: the replay was cancelled or has ended.
	DrainStopped Drain = "stopped"
)

// Drainer waits until all delivered events are consumed. It is safe for concurrent
// use.
type Drainer struct {
	Store       Store
	Registry    datastore.Registry
	Generations datastore.Generations
	// Patience is how long no mark may move before the lanes whose marks have not
	// reached their end are read again, since records may be lost. As long as
	// that does not help, the interval doubles: the consumer may be down, and
	// need not be sent the same records over and over. Limit is how long no mark
	// may move before the replay fails, 0 for DefaultDrainLimit. Poll is how
	// often marks are loaded, and Sleep is how the drainer waits.
	Patience time.Duration
	Limit    time.Duration
	Poll     time.Duration
	Sleep    func(ctx context.Context, d time.Duration) error
}

// Check waits until the drain is complete, lanes have to be read again, or the
// deadline. It does not use the age of the playback stream's iterator, since an
// empty stream proves nothing. It returns ErrStalled once no mark has moved for
// Limit.
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
	m, err := openMarksFor(ctx, d.Store.Version, d.Store, d.Registry, d.Generations, row)
	if err != nil {
		return "", fmt.Errorf("drain replay %s: %w", id, err)
	}
	w := drainCheck{Drainer: d, row: row, marks: m, deadline: deadline}
	return w.run(ctx)
}

func draining(r *Row) error {
	if r.Proof.complete() {
		return control.Unchanged()
	}
	r.Status = Draining
	return nil
}

// drainCheck is one Check in progress.
type drainCheck struct {
	*Drainer
	row      Row
	marks    marks
	deadline time.Time
	// reached is the sum of the marks, and idleSince the time of its last growth.
	reached   int64
	idleSince time.Time
}

func (w *drainCheck) run(ctx context.Context) (Drain, error) {
	now := w.Store.Now()
	w.reached, w.idleSince = -1, now
	// An earlier Check may have seen the consumer idle already.
	if w.row.Waiting != nil {
		w.reached, w.idleSince = w.row.Reached, w.row.Waiting.Since
	}
	// Even a short call must be able to notice an idle consumer.
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
		idle := now.Sub(w.idleSince)
		switch {
		case len(s.short) == 0:
			return Drained, nil
		case !s.unread && idle >= cmp.Or(w.Limit, DefaultDrainLimit):
			return "", fmt.Errorf("drain replay %s: %d lanes stay behind at event %d for %s: %w",
				w.row.ID, len(s.short), s.reached, idle.Round(time.Second), ErrStalled)
		case s.unread || idle >= rereadAfter(patience, w.row.Stalls):
			return w.reread(ctx, s)
		case !now.Before(w.deadline):
			return Waiting, nil
		}
		if err := w.Sleep(ctx, w.Poll); err != nil {
			return "", err
		}
	}
}

// rereadAfter is how long after the last progress lanes are read again, after a
// number of rereads without progress: first after patience, then in intervals that
// double.
func rereadAfter(patience time.Duration, stalls int) time.Duration {
	return patience * time.Duration(int64(2)<<min(stalls, 20)-1)
}

// progress notes whether marks have moved; if so, the row no longer says that the
// replay waits.
func (w *drainCheck) progress(ctx context.Context, s survey) error {
	if s.reached <= w.reached && len(s.short) > 0 {
		return nil
	}
	w.reached, w.idleSince = s.reached, w.Store.Now()
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

// survey is the state of all lanes at one time.
type survey struct {
	// short are the lanes whose marks have not reached their end markers.
	short []event.Lane
	marks map[event.Lane]datastore.Mark
	// unread is set if a short lane was not read to its end, although no reader is
	// running any more.
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

// reread sets the checkpoints of lanes whose marks are short of their end back to
// the marks, so that they are read again from there. The consumer drops what it has
// consumed by then as repeated. The reread counts as a stall only if the lanes had
// been read to their ends, so that a crash or failure between setting back and
// reading does not use up the replay's patience.
//
// Setting a lane back needlessly does no harm. The row, however, is changed only if
// no other Check has decided since and the replay is not proved, so that an
// abandoned Check that is still running undoes nothing.
func (w *drainCheck) reread(ctx context.Context, s survey) (Drain, error) {
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
			r.Waiting = &WaitingFor{For: waitsFor, Since: w.idleSince.UTC()}
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

// decides reports whether this Check may still decide: no other one has since.
func (w *drainCheck) decides(r *Row) bool {
	return r.Pass == w.row.Pass && !r.Proof.complete() && !r.Status.Ended()
}
