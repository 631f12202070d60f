package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
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
	if halt := halted(&row); halt != "" {
		return DrainReport{Drain: halt, Readers: row.Readers()}, nil
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

// halted is the state of a drain that is to end incomplete, or "".
func halted(row *Row) Drain {
	switch {
	case row.Over():
		return DrainStopped
	case row.Paused:
		return DrainPaused
	}
	return ""
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
