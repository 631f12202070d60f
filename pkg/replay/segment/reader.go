package segment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/replay"
	"reprise/pkg/replay/budget"
	"reprise/pkg/replay/pace"
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
	Store replay.Store
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
	Pacer func(replay.Row) *pace.Pacer
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
	if stop := stops(&row); stop != "" && errors.Is(err, control.ErrNotFound) {
		return Reading{Outcome: stop}, nil
	}
	if err != nil {
		return Reading{}, err
	}
	all := replay.Children(row.Request, len(plan.Groups), len(plan.Slices))
	if group < 0 || group >= all {
		if stop := stops(&row); stop != "" { // it may have ended without a plan
			return Reading{Outcome: stop}, nil
		}
		return Reading{}, fmt.Errorf("read group %d of %d: %w", group, all, replay.ErrRequest)
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
	t.Since = row.Elapsed(r.Store.Now())
	return t.Reading, nil
}

// stops is the outcome of reading a replay that is not to be read at present, or "".
func stops(row *replay.Row) Outcome {
	switch {
	case row.Over():
		return Stopped
	case row.Paused:
		return Paused
	}
	return ""
}

// readParts reads one part after the other, and returns those that were not begun.
func (r *Reader) readParts(
	ctx context.Context, row replay.Row, group int, t *tally, parts []part, deadline time.Time,
) (Outcome, []part, error) {
	if stop := stops(&row); stop != "" {
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
	ctx context.Context, row replay.Row, group int, deadline time.Time, read func(run) (Outcome, error),
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

func (r *Reader) view() eventlog.View { return eventlog.View{Log: r.Log, Heads: r.Heads} }
