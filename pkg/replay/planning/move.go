package planning

import (
	"context"
	"fmt"
	"slices"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/request"
)

// Move moves the cut of a rebuild to the heads as of now and plans what came since the cut
// before, all of which must have been taken in. Ordinals, sums and the consumer's marks go
// on from there, so the proof of the new cut covers the earlier ones, too. It is
// idempotent: it keeps plans that exist already, and a row whose cut was moved since it
// was loaded. After replay.MaxCatchUps moves it returns
// replay.ErrNeverCatchesUp.
func (p *Planner) Move(ctx context.Context, row replay.Row) (replay.Row, error) {
	if row.CatchUps >= replay.MaxCatchUps {
		return replay.Row{}, fmt.Errorf("catch up with replay %s: %w", row.ID, replay.ErrNeverCatchesUp)
	}
	to := row.Next()
	cut := p.Store.Now().UTC()
	heads, err := p.Heads.LoadAll(ctx, p.Lanes.Count())
	if err != nil {
		return replay.Row{}, err
	}
	weights, err := p.moveLanes(ctx, row, to, heads, p.Store.Now().UTC())
	if err != nil {
		return replay.Row{}, fmt.Errorf("catch up with replay %s: %w", row.ID, err)
	}
	plan := divideNew(weights, row.Request, p.Width)
	plan.First = row.Slices
	if plan, err = p.Store.KeepPlan(ctx, to, plan); err != nil {
		return replay.Row{}, err
	}
	return p.enterMoved(ctx, row, to, cut, plan)
}

// moveLanes stores the cut of every lane and the checkpoint at which its reading goes on,
// and returns the weights of what came since.
func (p *Planner) moveLanes(
	ctx context.Context, row replay.Row, to replay.CutRef, heads []eventlog.Head, frozen time.Time,
) ([]weight, error) {
	lanes := event.AllLanes(len(heads))
	before, err := p.Store.LoadLanePlans(ctx, row, lanes)
	if err != nil {
		return nil, err
	}
	ends, err := p.Store.LoadCheckpoints(ctx, row, lanes)
	if err != nil {
		return nil, err
	}
	weights := make([]weight, len(heads))
	move := func(ctx context.Context, i int, lane event.Lane) (err error) {
		moved := replay.LanePlan{Lane: lane, Head: heads[i], Frozen: frozen, After: before[lane].Head.Position,
			Start: startAfter(before[lane], ends[lane], row.Slices, to.Number)}
		if weights[i], err = p.moveLane(ctx, row, to, moved, before[lane]); err != nil {
			return fmt.Errorf("cut lane %s: %w", lane, err)
		}
		return nil
	}
	return weights, datastore.EachLane(ctx, lanes, move)
}

// startAfter is where reading goes on after a lane's end: in the bucket that was open at
// the cut before, of which it has read what that cut covered.
func startAfter(before replay.LanePlan, at replay.Checkpoint, slices, number int) replay.Checkpoint {
	start := replay.Checkpoint{Bucket: before.Head.Bucket, Slices: slices, CatchUp: number}
	if end := at.End; end != nil {
		start.Read, start.Delivered = end.Read, end.Delivered
		start.Stranded, start.Missing = end.Stranded, end.Missing
	}
	return start
}

// moveLane stores the moved cut of one lane, or takes the one that another attempt
// stored, and weighs what it adds to the one before. A lane without anything new is at
// its end already.
func (p *Planner) moveLane(
	ctx context.Context, row replay.Row, to replay.CutRef, moved, before replay.LanePlan,
) (weight, error) {
	w, sum, err := p.weigh(ctx, row.Request, moved, nil)
	if err != nil {
		return weight{}, err
	}
	moved.Expect = sum
	stored, err := p.Store.KeepLanePlan(ctx, to, moved)
	if err != nil {
		return weight{}, err
	}
	if stored.Head.Position != moved.Head.Position {
		if w, _, err = p.weigh(ctx, row.Request, stored, nil); err != nil {
			return weight{}, err
		}
	}
	w.since(&before.Head)
	start := stored.Start
	if stored.Head.Count == before.Head.Count {
		start.Done = true
		start.End = &replay.End{
			Read: start.Read, Delivered: start.Delivered, Stranded: start.Stranded, Missing: start.Missing,
		}
		w = weight{lane: stored.Lane}
	}
	if start.Done && start.Read.Count == 0 {
		return w, nil // the lane is still empty, and no lane of the plan
	}
	return w, p.Store.KeepStart(ctx, to, stored.Lane, start)
}

// divideNew divides what a catch-up reads. Slices of a given width become wider where
// they would be too many for a plan: nobody can ask for other ones any more.
func divideNew(weights []weight, r replay.Request, width eventlog.Width) replay.Plan {
	for {
		plan, err := divide(weights, r, width)
		if err == nil {
			return plan
		}
		r.Slice = request.WidthOf(2 * r.Slice.Duration())
	}
}

// enterMoved makes the planned cut the replay's, unless somebody else did, or another
// execution carries the replay out by now, which has the present cut's plan.
func (p *Planner) enterMoved(
	ctx context.Context, seen replay.Row, to replay.CutRef, cut time.Time, plan replay.Plan,
) (replay.Row, error) {
	all, err := p.Store.LoadLanePlansOf(ctx, to, event.AllLanes(p.Lanes.Count()))
	if err != nil {
		return replay.Row{}, err
	}
	total := int64(0)
	var lanes []event.Lane
	for lane, moved := range all {
		if moved.Frozen.Before(cut) {
			cut = moved.Frozen
		}
		if total += moved.Expect.Count; moved.Expect.Count > 0 {
			lanes = append(lanes, lane)
		}
	}
	slices.Sort(lanes)
	return p.Store.Update(ctx, to.Replay, func(row *replay.Row) error {
		if row.CatchUps != seen.CatchUps || row.Attempt() != seen.Attempt() {
			return control.Unchanged()
		}
		row.Began = row.FirstCut()
		row.Cut, row.CatchUps, row.Status, row.Proof = &cut, to.Number, replay.Running, nil
		row.Groups, row.Lanes, row.Total = len(plan.Groups), lanes, total
		row.Slices, row.Window = plan.End(), plan.First
		row.Waiting, row.Idle, row.Stalls = nil, nil, 0
		return nil
	})
}
