package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/replay/polling"
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
	// Behind: like Drained, but the cut of a rebuild is outdated: it has to be moved
	// before it is worth a proof.
	Behind Drain = "behind"
	// Waiting: records are still being consumed.
	Waiting Drain = "waiting"
	// Reread: some marks have not reached their lanes' end markers; the lanes'
	// checkpoints were set back to the marks, and they must be read again.
	Reread Drain = "reread"
	// Next: everything of a time slice was consumed, and the next one is open to
	// readers.
	Next Drain = "next"
	// DrainStopped: the replay was cancelled or has ended.
	DrainStopped Drain = "stopped"
	// DrainPaused: somebody paused the replay; check again once it is resumed.
	DrainPaused Drain = "paused"
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
	// may move before the replay fails, 0 for DefaultDrainLimit. Both count over all
	// Checks, however short they are.
	Patience time.Duration
	Limit    time.Duration
	// FirstPoll is the time between the first two looks at the marks; it doubles up
	// to Poll. 0 means Poll. Sleep is how the drainer waits.
	FirstPoll time.Duration
	Poll      time.Duration
	// SliceTime is how long a Check of a time slice that others follow takes at least,
	// unless it finds something: with a thousand slices, a wait of the state machine in
	// each would exceed the history of an execution. It must be shorter than the time
	// limit of the step.
	SliceTime time.Duration
	Sleep     func(ctx context.Context, d time.Duration) error
	// Retention is the event stream's retention, 0 for ever.
	Retention time.Duration
}

// Check waits until the drain is complete, lanes have to be read again, or the
// deadline. It does not use the age of the playback stream's iterator, since an
// empty stream proves nothing. It returns ErrStalled once no mark has moved for
// Limit.
func (d *Drainer) Check(ctx context.Context, id string, deadline time.Time) (Drain, error) {
	report, err := d.Report(ctx, id, deadline)
	return report.Drain, err
}

// DrainReport is what a Check found.
type DrainReport struct {
	Drain Drain
	// Totals are those of the last look at all lanes, nil if there was none.
	Totals *Totals
	// Readers is how many segment readers may run at a time from now on.
	Readers int
}

// Report is Check with what it found.
func (d *Drainer) Report(ctx context.Context, id string, deadline time.Time) (DrainReport, error) {
	row, err := d.Store.Working(ctx, id)
	if err != nil {
		return DrainReport{}, err
	}
	switch {
	case row.Cancel || row.Status.Ended():
		return DrainReport{Drain: DrainStopped, Readers: row.Readers()}, nil
	case row.Paused:
		return DrainReport{Drain: DrainPaused, Readers: row.Readers()}, nil
	}
	if row.Status != Draining && !row.Proof.complete() {
		if row, err = d.Store.Update(ctx, id, draining(row.CatchUps)); err != nil {
			return DrainReport{}, err
		}
	}
	m, err := openMarksFor(ctx, d.Store.Version, d.Store, d.Registry, d.Generations, row)
	if err != nil {
		return DrainReport{}, fmt.Errorf("drain replay %s: %w", id, err)
	}
	if slice := d.Store.Now().Add(d.SliceTime); row.sliceFollows() && slice.After(deadline) {
		deadline = slice
	}
	w := drainCheck{Drainer: d, row: row, marks: m, deadline: deadline, readers: row.Readers()}
	drain, err := w.run(ctx)
	return DrainReport{Drain: drain, Totals: w.totals, Readers: w.readers}, err
}

// draining says that everything up to a cut was read.
func draining(cut int) func(r *Row) error {
	return func(r *Row) error {
		if r.Proof.complete() || r.CatchUps != cut {
			return control.Unchanged()
		}
		r.Status = Draining
		return nil
	}
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
	totals    *Totals
	readers   int
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
	steering := watch{store: w.Store, id: w.row.ID, deadline: w.deadline, checked: now}
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
		switch err := steering.check(ctx); {
		case errors.Is(err, errStopped):
			return DrainStopped, nil
		case errors.Is(err, errPaused):
			return DrainPaused, nil
		case err != nil && !errors.Is(err, errOutOfTime):
			return "", err
		}
	}
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
	checkpoints, err := d.Store.loadTracks(ctx, row.Present(), tracks)
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
		s.extent.add(at.Reached())
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
