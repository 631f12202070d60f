package replay

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/replay/polling"
)

// drainCheck is one Check in progress.
type drainCheck struct {
	*Drainer
	row      Row
	marks    marks
	deadline time.Time
	// reached is the sum of the marks, and idleSince the time of its last growth.
	reached   int64
	idleSince time.Time
	totals    *Totals
	readers   int
	// looked is when the row was last loaded to see whether the drain is to end.
	looked time.Time
}

func (w *drainCheck) run(ctx context.Context) (Drain, error) {
	now := w.Store.Now()
	w.reached, w.idleSince = -1, now
	// An earlier Check may have seen the consumer idle already.
	switch {
	case w.row.Waiting != nil:
		w.reached, w.idleSince = w.row.Reached, w.row.Waiting.Since
	case w.row.Idle != nil:
		w.reached, w.idleSince = w.row.Reached, *w.row.Idle
	}
	w.looked = now
	looks := polling.Interval{First: w.FirstPoll, Most: w.Poll}.Waiter(w.Sleep)
	for {
		s, err := w.survey(ctx, w.row, w.marks)
		if err == nil {
			w.totals = w.row.totals(s.extent, s.reached, w.Store.Now())
			err = w.progress(ctx, s)
		}
		if err != nil {
			return "", err
		}
		now := w.Store.Now()
		idle := now.Sub(w.idleSince)
		switch {
		case len(s.short) == 0:
			return w.drained(ctx)
		case !s.unread && idle >= cmp.Or(w.Limit, DefaultDrainLimit):
			return "", fmt.Errorf("drain replay %s: %d lanes stay behind at event %d for %s: %w",
				w.row.ID, len(s.short), s.reached, idle.Round(time.Second), ErrStalled)
		case s.unread || idle >= rereadAfter(w.Patience, w.row.Stalls):
			return w.reread(ctx, s)
		case !now.Before(w.deadline):
			return Waiting, w.keepIdle(ctx)
		}
		if err := looks.Wait(ctx); err != nil {
			return "", err
		}
		if halt, err := w.halted(ctx); err != nil || halt != "" {
			return halt, err
		}
	}
}

// halted loads the row, once a second at most, and not at the deadline: the next Check
// does.
func (w *drainCheck) halted(ctx context.Context) (Drain, error) {
	now := w.Store.Now()
	if now.Sub(w.looked) < time.Second || !now.Before(w.deadline) {
		return "", nil
	}
	w.looked = now
	row, err := w.Store.Working(ctx, w.row.ID)
	if err != nil {
		return "", err
	}
	return halted(&row), nil
}

// drained ends the drain, or opens the next slice, which only one Check does.
func (w *drainCheck) drained(ctx context.Context) (Drain, error) {
	if !w.row.sliceFollows() {
		if w.marks.generation != nil && w.row.Outdated(w.Store.Now(), w.Retention) && !w.row.Proof.complete() {
			return Behind, nil
		}
		return Drained, nil
	}
	opened := false
	row, err := w.Store.Update(ctx, w.row.ID, func(r *Row) error {
		if opened = w.decides(r); !opened {
			return control.Unchanged()
		}
		r.Window++
		r.Status, r.Idle = Running, nil
		return nil
	})
	switch {
	case err != nil:
		return "", err
	case !opened:
		return Waiting, nil
	}
	w.readers = row.Readers()
	return Next, nil
}

// keepIdle stores since when no mark has moved, for the next Check.
func (w *drainCheck) keepIdle(ctx context.Context) error {
	if w.row.Waiting != nil {
		return nil // the row says it already
	}
	since := w.idleSince.UTC()
	return w.Store.updateOpen(ctx, w.row.ID, func(r *Row) error {
		if !w.decides(r) || r.Waiting != nil || r.Idle != nil && r.Idle.Equal(since) {
			return control.Unchanged()
		}
		r.Idle, r.Reached = &since, max(r.Reached, w.reached)
		return nil
	})
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
		if r.Pass != w.row.Pass || r.CatchUps != w.row.CatchUps {
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

// survey is the state of all tracks at one time.
type survey struct {
	// short are the tracks whose marks have not reached their end markers, or the end
	// of the slice that is open.
	short []Track
	marks map[Track]datastore.Mark
	// unread is set if a short track was not read to its end, although no reader is
	// running any more.
	unread  bool
	reached int64
	extent  Extent
}

func (d *Drainer) survey(ctx context.Context, row Row, m marks) (survey, error) {
	tracks := row.tracks()
	checkpoints, err := d.Store.LoadTracks(ctx, row.Present(), tracks)
	if err != nil {
		return survey{}, err
	}
	s := survey{}
	if s.marks, err = m.loadAll(ctx, tracks); err != nil {
		return survey{}, err
	}
	for _, track := range tracks {
		at, mark := checkpoints[track], s.marks[track]
		s.reached += mark.Ordinal
		s.extent.Add(at.Reached())
		if at.consumed(&row, mark.Ordinal) {
			continue
		}
		s.short = append(s.short, track)
		if !at.read(&row) {
			s.unread = true
		}
	}
	return s, nil
}

// consumed reports whether a mark has reached the end of what readers may read.
func (c *Checkpoint) consumed(row *Row, mark int64) bool {
	if c.End != nil {
		return mark >= c.End.Delivered.Count
	}
	if !row.sliceFollows() || c.Edge == nil {
		return false
	}
	// The edge of a later slice was set after this one was drained.
	return c.Edge.Slices > row.Window+1 || (c.Edge.Slices == row.Window+1 && mark >= c.Edge.Delivered)
}

// read reports whether a track was read to the end of what readers may read.
func (c *Checkpoint) read(row *Row) bool {
	return c.Done || (row.sliceFollows() && c.Slices > row.Window)
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
	for _, track := range s.short {
		if err := w.Store.rewind(ctx, w.row.Present(), track, s.marks[track]); err != nil {
			return "", err
		}
	}
	decided := false
	row, err := w.Store.Update(ctx, w.row.ID, func(r *Row) error {
		if decided = w.decides(r); !decided {
			return control.Unchanged()
		}
		r.Pass++
		r.Status, r.Reached, r.Idle = Running, max(r.Reached, s.reached), nil
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
	w.readers = row.Readers()
	return Reread, nil
}

// decides reports whether this Check may still decide: no other one has since.
func (w *drainCheck) decides(r *Row) bool {
	return r.Pass == w.row.Pass && r.Window == w.row.Window && r.CatchUps == w.row.CatchUps &&
		!r.Proof.complete() && !r.Status.Ended()
}
