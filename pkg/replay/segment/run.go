package segment

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/pace"
)

// run is one Read of a part in progress.
type run struct {
	reader *Reader
	row    replay.Row
	part   part
	// plans are those of the part's lanes, lanes are the readers of those that were not
	// done, and ended has the checkpoints of the others.
	plans map[event.Lane]replay.LanePlan
	lanes []*laneReader
	ended map[replay.Track]replay.Checkpoint
	watch *watch
	pacer *pace.Pacer
}

func (r *run) begin(ctx context.Context) error {
	var err error
	if r.plans, err = r.reader.Store.LoadLanePlans(ctx, r.row, r.part.lanes); err != nil {
		return err
	}
	r.ended = make(map[replay.Track]replay.Checkpoint)
	for _, lane := range r.part.lanes {
		track := replay.Track{Lane: lane, Slice: r.part.track}
		at, err := r.reader.Store.LoadCheckpoint(ctx, r.row.Present(), track)
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
func (r *run) read(ctx context.Context, plan *replay.Plan) (Outcome, error) {
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
