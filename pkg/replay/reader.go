package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/replay/budget"
	"reprise/pkg/replay/pace"
	"reprise/pkg/replay/request"
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
	// Paused: somebody paused the replay; call again once it is resumed.
	Paused Outcome = "paused"
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
	// Pacer makes what holds a reader to the pace of its replay; nil means that every
	// reader reads as fast as it can.
	Pacer func(Row) *pace.Pacer
	// Budget makes what holds a reader, of a lane group, to the budget of its replay;
	// nil means that budgets hold nobody.
	Budget func(id string, group int) *budget.Keeper
}

// Read reads a lane group until it is done, the replay is stopped or paused, or the
// deadline, which must be well before the caller's own end. After an error it may be called
// again; it continues from the last checkpoints.
func (r *Reader) Read(ctx context.Context, id string, group int, deadline time.Time) (Outcome, error) {
	reading, err := r.ReadCounted(ctx, id, group, deadline)
	return reading.Outcome, err
}

// ReadCounted is Read with the numbers.
func (r *Reader) ReadCounted(ctx context.Context, id string, group int, deadline time.Time) (Reading, error) {
	row, err := r.Store.Working(ctx, id)
	if err != nil {
		return Reading{}, err
	}
	plan, err := r.Store.LoadPlan(ctx, row)
	if stop := row.stops(); stop != "" && errors.Is(err, control.ErrNotFound) {
		return Reading{Outcome: stop}, nil
	}
	if err != nil {
		return Reading{}, err
	}
	all := Children(row.Request, len(plan.Groups), len(plan.Slices))
	if group < 0 || group >= all {
		if stop := row.stops(); stop != "" { // it may have ended without a plan
			return Reading{Outcome: stop}, nil
		}
		return Reading{}, fmt.Errorf("read group %d of %d: %w", group, all, ErrRequest)
	}
	parts := assigned(row, plan, group, all)
	t := tally{plan: plan, Reading: Reading{Slice: plan.End(), Slices: plan.End()}}
	t.Outcome, parts, err = r.readParts(ctx, row, group, &t, parts, deadline)
	if err == nil {
		err = t.finish(ctx, r.Store, row, parts)
	}
	if err != nil {
		return Reading{}, fmt.Errorf("read group %d of replay %s: %w", group, id, err)
	}
	t.Since = time.Duration(row.since(r.Store.Now()) * float64(time.Second))
	return t.Reading, nil
}

// stops is the outcome of reading a replay that is not to be read at present, or "".
func (r *Row) stops() Outcome {
	switch {
	case r.Cancel || r.Status.Ended():
		return Stopped
	case r.Paused:
		return Paused
	}
	return ""
}

// readParts reads one part after the other, and returns those that were not begun.
func (r *Reader) readParts(
	ctx context.Context, row Row, group int, t *tally, parts []part, deadline time.Time,
) (Outcome, []part, error) {
	if stop := row.stops(); stop != "" {
		return stop, parts, nil
	}
	outcome, err := r.paced(ctx, row, group, deadline, func(all run) (outcome Outcome, err error) {
		for outcome = Done; len(parts) > 0 && outcome == Done && err == nil; parts = parts[1:] {
			one := all
			one.part = parts[0]
			outcome, err = one.read(ctx, &t.plan)
			one.account(t)
		}
		return outcome, err
	})
	return outcome, parts, err
}

// paced calls read with a run that is held to the pace and the budget of the replay.
func (r *Reader) paced(
	ctx context.Context, row Row, group int, deadline time.Time, read func(run) (Outcome, error),
) (Outcome, error) {
	var pacer *pace.Pacer
	if r.Pacer != nil {
		pacer = r.Pacer(row)
	}
	pacer.Obey(row.RateOrder())
	if err := pacer.Begin(ctx); err != nil {
		return "", err
	}
	w := &watch{store: r.Store, id: row.ID, deadline: deadline, pacer: pacer, checked: r.Store.Now()}
	if r.Budget != nil {
		w.keeper = r.Budget(row.ID, group)
	}
	err := w.spend(ctx, &row)
	outcome, stop := stopping(err)
	if err == nil {
		outcome, err = read(run{reader: r, row: row, watch: w, pacer: pacer})
	} else if stop {
		err = nil
	}
	if errors.Is(err, feed.ErrThrottled) || errors.Is(err, eventlog.ErrThrottled) {
		err = errors.Join(err, pacer.Throttled(ctx))
	}
	if closed := errors.Join(pacer.Close(ctx), w.keeper.Close(ctx)); err == nil {
		err = closed
	}
	return outcome, err
}

// part is what one child reads at a time: a lane group, over the slices [from, to).
type part struct {
	lanes    []event.Lane
	from, to int
	// track is the number of the only slice in an unordered replay, else 0.
	track int
	// last says that the lanes end with the last slice.
	last bool
}

// assigned are the parts of one of all children: its lane group over all slices, or
// up to the one that the replay's window has opened; in an unordered replay some of the
// segments.
func assigned(row Row, plan Plan, child, all int) []part {
	slices := plan.End()
	if row.Request.Order() != request.Unordered {
		p := part{lanes: plan.Groups[child].Lanes, from: plan.First, to: slices, last: true}
		if row.windowed() {
			p.to, p.last = min(row.Window+1, slices), row.Window+1 >= slices
		}
		return []part{p}
	}
	var parts []part
	for segment := child; segment < slices*len(plan.Groups); segment += all {
		slice := segment / len(plan.Groups)
		lanes := plan.Groups[segment%len(plan.Groups)].Lanes
		parts = append(parts, part{lanes: lanes, from: slice, to: slice + 1, track: slice + 1, last: true})
	}
	return parts
}

func (r *Reader) view() eventlog.View { return eventlog.View{Log: r.Log, Heads: r.Heads} }

// run is one Read of a part in progress.
type run struct {
	reader *Reader
	row    Row
	part   part
	// plans are those of the part's lanes, lanes are the readers of those that were not
	// done, and ended has the checkpoints of the others.
	plans map[event.Lane]LanePlan
	lanes []*laneReader
	ended map[Track]Checkpoint
	watch *watch
	pacer *pace.Pacer
}

func (r *run) begin(ctx context.Context) error {
	var err error
	if r.plans, err = r.reader.Store.LoadLanePlans(ctx, r.row, r.part.lanes); err != nil {
		return err
	}
	r.ended = make(map[Track]Checkpoint)
	for _, lane := range r.part.lanes {
		track := Track{lane, r.part.track}
		at, err := r.reader.Store.loadCheckpoint(ctx, r.row.Present(), track)
		if err != nil {
			return err
		}
		if at.Done {
			r.ended[track] = at
			continue
		}
		r.lanes = append(r.lanes, newLaneReader(r, r.plans[lane], track, at))
	}
	return nil
}

// read reads slice after slice, several lanes at a time, and then writes the lanes'
// end markers, or notes the end of the last slice that is open.
func (r *run) read(ctx context.Context, plan *Plan) (Outcome, error) {
	if err := r.begin(ctx); err != nil {
		return "", err
	}
	all := r.bounded(plan)
	for i := r.part.from; i < r.part.to; i++ {
		err := r.eachLane(ctx, func(ctx context.Context, l *laneReader) error {
			at := i - plan.First
			err := l.readSlices(ctx, all[at:at+1], i)
			for errors.Is(err, errRegather) {
				err = l.readSlices(ctx, all[r.part.from-plan.First:at+1], r.part.from)
			}
			return err
		})
		if outcome, stop := stopping(err); stop {
			return outcome, r.flush(ctx, outcome)
		}
		if err != nil {
			return "", err
		}
	}
	finish := func(ctx context.Context, l *laneReader) error { return l.finish(ctx) }
	if !r.part.last {
		finish = func(ctx context.Context, l *laneReader) error { return l.endSlice(ctx, r.part.to) }
	}
	err := r.eachLane(ctx, finish)
	if outcome, stop := stopping(err); stop {
		return outcome, r.flush(ctx, outcome)
	}
	if err != nil {
		return "", err
	}
	return Done, nil
}

// bounded are the slices within the bounds of the request.
func (r *run) bounded(plan *Plan) []Slice {
	all := slices.Clone(plan.Slices)
	from, to := BucketRange(r.row.Request, r.reader.Width)
	for i := range all {
		if i == 0 && plan.First == 0 {
			all[i].From = from
		}
		if all[i].To == "" {
			all[i].To = to
		}
	}
	return all
}

// flush delivers the pending events of all lanes, so that the next reader need not
// read them again. A stopped replay delivers nothing more.
func (r *run) flush(ctx context.Context, outcome Outcome) error {
	if outcome == Stopped {
		return nil
	}
	return r.eachLane(ctx, func(ctx context.Context, l *laneReader) error { return l.flush(ctx) })
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
