package cutover

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/planning"
)

// Follow sets the live marks of a proved generation to the cut and gives it its
// consumer, which skips everything before the cut. It is idempotent. ErrCutTooOld says
// that the cut has to be moved first, by CatchUp.
func (p *Promoter) Follow(ctx context.Context, id string) error {
	row, err := p.Store.Working(ctx, id)
	if err != nil || row.Generation == "" || row.Status.Ended() {
		return err
	}
	if err := p.follow(ctx, row); err != nil {
		return fmt.Errorf("follow with generation %s: %w", row.Generation, err)
	}
	cut := datastore.Cut{Number: row.CatchUps}
	if p.Retention > 0 {
		cut.Until = row.Cut.Add(p.Retention / 2)
	}
	err = p.Registry.Follow(ctx, row.Generation, cut)
	if errors.Is(err, datastore.ErrCutMoved) {
		err = fmt.Errorf("%w: %w", ErrCutTooOld, err)
	}
	return err
}

// follow sets the live marks, if the replay and its generation are fit for it, and
// then checks the proof's evidence.
func (p *Promoter) follow(ctx context.Context, row replay.Row) error {
	if row.Proof == nil || !row.Proof.Complete {
		return ErrNotProved
	}
	registered, err := p.Registry.Load(ctx)
	if err != nil {
		return err
	}
	info, err := p.ownGeneration(&registered, row)
	switch {
	case err != nil:
		return err
	case info.Consumes(): // its live marks are its consumer's
		return p.checkFilled(ctx, row)
	case row.Outdated(p.Store.Now(), p.Retention):
		return ErrCutTooOld
	}
	lanes := event.AllLanes(p.Lanes.Count())
	plans, err := p.Store.LoadLanePlans(ctx, row, lanes)
	if err != nil {
		return err
	}
	generation := p.Generations.Open(row.Generation)
	filled, err := datastore.ReplayMarks(ctx, generation, lanes)
	if err != nil {
		return err
	}
	err = datastore.EachLane(ctx, lanes, func(ctx context.Context, _ int, lane event.Lane) error {
		return datastore.AdvanceMark(ctx, generation, lane, plans[lane].Head, filled[lane].Ignored)
	})
	if err != nil {
		return err
	}
	return p.checkFilled(ctx, row)
}

// CatchUp moves the cut of a rebuild to the heads as of now, for the execution of that
// name, "" for any, if the cut is outdated, everything up to it was taken in, and the
// generation does not follow the stream yet. It returns the replay's row, whether or not
// anything had to be moved: what its plan still has to be read is then read, in as many
// passes as it takes until a cut is proved while the event stream still reaches back to
// it. It is idempotent.
func (p *Promoter) CatchUp(ctx context.Context, planner *planning.Planner, id, execution string) (replay.Row, error) {
	if err := p.Store.CheckExecution(ctx, id, execution); err != nil {
		return replay.Row{}, err
	}
	row, err := p.Store.Working(ctx, id)
	if err != nil || row.Generation == "" || row.Over() {
		return row, err
	}
	due, err := p.due(ctx, row)
	if err == nil && due {
		// From now on nothing makes the generation follow from the cut that is left.
		err = p.Registry.MoveCut(ctx, row.Generation, row.ID, row.CatchUps+1)
		if errors.Is(err, datastore.ErrFollows) {
			return row, nil
		}
	}
	if err == nil && due {
		row, err = planner.Move(ctx, row)
	}
	if err != nil {
		return replay.Row{}, fmt.Errorf("catch up with generation %s: %w", row.Generation, err)
	}
	return row, nil
}

// due reports whether the cut of a replay is to be moved.
func (p *Promoter) due(ctx context.Context, row replay.Row) (bool, error) {
	registered, err := p.Registry.Load(ctx)
	if err != nil {
		return false, err
	}
	info, err := p.ownGeneration(&registered, row)
	if err != nil || info.Status != datastore.Building {
		return false, err
	}
	// A move that was begun is completed, even if the retention was raised since.
	if info.CatchUps <= row.CatchUps && !row.Outdated(p.Store.Now(), p.Retention) {
		return false, nil
	}
	if row.Proof != nil && row.Proof.Complete { // nothing is read again: its evidence is there, or lost
		return true, p.checkFilled(ctx, row)
	}
	marks, err := datastore.ReplayMarks(ctx, p.Generations.Open(row.Generation), row.Lanes)
	if err != nil {
		return false, err
	}
	return p.Store.TakenIn(ctx, row, marks)
}
