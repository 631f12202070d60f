package replay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
)

const (
	// lanesAtOnce bounds the lanes that a reader reads at a time.
	lanesAtOnce = 8
	// consistentFor is how long after the cut pages are read consistently, at
	// twice the price: a page that lacks an event would shift all later ordinals.
	consistentFor = time.Minute
	// steeringInterval is how often a reader loads the replay's row.
	steeringInterval = time.Second
	// defaultPageBytes is the default of Reader.PageBytes.
	defaultPageBytes = 1 << 20
)

// Outcome is how a Read ended.
type Outcome string

// The outcomes.
const (
	// Done: the group was read to its end.
	Done Outcome = "done"
	// Continue: time ran out; call again.
	Continue Outcome = "continue"
	// Stopped: the replay was cancelled or has ended.
	Stopped Outcome = "stopped"
)

// Reader delivers segments to the playback stream. It is safe for concurrent use.
// Two readers of one group, even if one is a zombie, do no harm: each delivers a
// contiguous run of events that starts at or before the last checkpoint.
type Reader struct {
	Store Store
	Log   eventlog.Log
	Heads eventlog.Heads
	Width eventlog.Width
	Lanes *event.Lanes
	Codec *record.Codec
	// Playback is the playback stream.
	Playback feed.Stream
	// PageBytes bounds a page of the log and RecordBytes a record's lines;
	// 0 means 1 MiB and record.TargetBytes.
	PageBytes   int
	RecordBytes int
	// Retention is the event stream's retention: the pump will not receive older
	// events again. 0 means for ever.
	Retention time.Duration
	// CheckpointEvery is how often a checkpoint is stored while nothing is
	// selected; 0 means every second.
	CheckpointEvery time.Duration
}

// Read reads a lane group until it is done, the replay is stopped, or the deadline,
// which must be well before the caller's own end. After an error it may be called
// again; it continues from the last checkpoints.
func (r *Reader) Read(ctx context.Context, id string, group int, deadline time.Time) (Outcome, error) {
	row, err := r.Store.Working(ctx, id)
	if err != nil {
		return "", err
	}
	if row.Cancel || row.Status.Ended() {
		return Stopped, nil
	}
	plan, err := r.Store.loadPlan(ctx, id)
	if err != nil {
		return "", err
	}
	if group < 0 || group >= len(plan.Groups) {
		return "", fmt.Errorf("read group %d of %d: %w", group, len(plan.Groups), ErrRequest)
	}
	run := &run{
		reader: r,
		row:    row,
		watch:  &watch{store: r.Store, id: id, deadline: deadline, checked: r.Store.Now()},
	}
	if err := run.begin(ctx, plan.Groups[group].Lanes); err != nil {
		return "", err
	}
	outcome, err := run.slices(ctx, plan.Slices)
	if err != nil {
		return "", fmt.Errorf("read group %d of replay %s: %w", group, id, err)
	}
	return outcome, nil
}

func (r *Reader) view() eventlog.View { return eventlog.View{Log: r.Log, Heads: r.Heads} }

// run is one Read in progress.
type run struct {
	reader *Reader
	row    Row
	lanes  []*laneReader
	watch  *watch
}

func (r *run) begin(ctx context.Context, lanes []event.Lane) error {
	plans, err := r.reader.Store.LoadLanePlans(ctx, r.row.ID, lanes)
	if err != nil {
		return err
	}
	for _, lane := range lanes {
		at, _, err := r.reader.Store.loadCheckpoint(ctx, r.row.ID, lane)
		if err != nil {
			return err
		}
		if !at.Done {
			r.lanes = append(r.lanes, newLaneReader(r.reader, r.row, plans[lane], at, r.watch))
		}
	}
	return nil
}

// slices reads slice after slice, several lanes at a time, and then writes the lanes'
// end markers.
func (r *run) slices(ctx context.Context, slices []Slice) (Outcome, error) {
	from, to := bucketRange(r.row.Request, r.reader.Width)
	for i, slice := range slices {
		if i == 0 {
			slice.From = from
		}
		if slice.To == "" {
			slice.To = to
		}
		err := r.eachLane(ctx, func(ctx context.Context, l *laneReader) error { return l.readSlice(ctx, slice) })
		if outcome, stop := stopping(err); stop {
			return outcome, r.flush(ctx, outcome)
		}
		if err != nil {
			return "", err
		}
	}
	if err := r.eachLane(ctx, func(ctx context.Context, l *laneReader) error { return l.finish(ctx) }); err != nil {
		return "", err
	}
	return Done, nil
}

// flush delivers the pending events of all lanes, so that the next reader need not
// read them again. A stopped replay delivers nothing more.
func (r *run) flush(ctx context.Context, outcome Outcome) error {
	if outcome == Stopped {
		return nil
	}
	return r.eachLane(ctx, func(ctx context.Context, l *laneReader) error { return l.deliver(ctx) })
}

func (r *run) eachLane(ctx context.Context, do func(context.Context, *laneReader) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lanesAtOnce)
	for _, l := range r.lanes {
		group.Go(func() error {
			if err := do(ctx, l); err != nil {
				return fmt.Errorf("lane %s: %w", l.plan.Lane, err)
			}
			return nil
		})
	}
	return group.Wait()
}

var (
	errOutOfTime = errors.New("reader is out of time")
	errStopped   = errors.New("replay was stopped")
)

func stopping(err error) (Outcome, bool) {
	switch {
	case errors.Is(err, errOutOfTime):
		return Continue, true
	case errors.Is(err, errStopped):
		return Stopped, true
	}
	return "", false
}

// watch tells the lanes of a reader when to stop. It loads the replay's row at most
// once per steeringInterval, whatever the number of lanes.
type watch struct {
	store    Store
	id       string
	deadline time.Time

	mu      sync.Mutex
	checked time.Time
	stop    error
}

// check returns errOutOfTime or errStopped once the lanes have to stop.
func (w *watch) check(ctx context.Context) error {
	stop, load := w.due()
	if stop != nil || !load {
		return stop
	}
	row, err := w.store.Working(ctx, w.id)
	if err != nil {
		return err
	}
	if row.Cancel || row.Status.Ended() {
		return w.end(errStopped)
	}
	return nil
}

// due returns why to stop, or whether this caller has to load the row.
func (w *watch) due() (stop error, load bool) {
	now := w.store.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.stop != nil:
	case !now.Before(w.deadline):
		w.stop = errOutOfTime
	case now.Sub(w.checked) >= steeringInterval:
		w.checked = now
		return nil, true
	}
	return w.stop, false
}

func (w *watch) end(why error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stop == nil {
		w.stop = why
	}
	return w.stop
}
