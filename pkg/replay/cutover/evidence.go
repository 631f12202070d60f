package cutover

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// The evidence of a proof is checked again before it is acted on: the generation
// may have been emptied since, and a head may have been lost.

// checkFilled returns an error if a proved generation no longer contains what its
// replay delivered: then the replay's own marks, which nobody sets once the replay
// is proved, are gone. Live marks alone prove nothing, since Follow may set them
// after the loss. A generation that follows is recorded as lost.
func (p *Promoter) checkFilled(ctx context.Context, row replay.Row) error {
	checkpoints, err := p.Store.LoadCheckpoints(ctx, row, row.Lanes)
	if err != nil {
		return err
	}
	filled, err := datastore.ReplayMarks(ctx, p.Generations.Open(row.Generation), row.Lanes)
	if err != nil && !errors.Is(err, datastore.ErrNoGeneration) {
		return err
	}
	for _, lane := range row.Lanes {
		if end := checkpoints[lane].End; err == nil && end != nil && filled[lane].Ordinal >= end.Delivered.Count {
			continue
		}
		why := fmt.Errorf("lane %s no longer contains what the replay delivered: %w", lane, datastore.ErrNoMark)
		lost, err := p.Registry.Lose(ctx, row.Generation, datastore.Loss{Lane: lane, Why: why.Error()})
		if err != nil {
			return err
		}
		if lost {
			return fmt.Errorf("%w: %w", datastore.ErrLost, why)
		}
		return fmt.Errorf("%w: %w", replay.ErrGenerationLost, why)
	}
	return nil
}

// checkCut returns eventlog.ErrHeadLost if a head is before the cut for which the
// replay was proved.
func (p *Promoter) checkCut(ctx context.Context, row replay.Row, heads []eventlog.Head) error {
	if row.ID == "" { // the generation has no replay, or its documents are gone
		return nil
	}
	lanes := event.AllLanes(len(heads))
	plans, err := p.Store.LoadLanePlans(ctx, row, lanes)
	if err != nil {
		return err
	}
	for i, lane := range lanes {
		if cut := plans[lane].Head.Position; heads[i].Position < cut {
			return fmt.Errorf("lane %s is at %q, the cut at %s: %w", lane, heads[i].Position, cut, eventlog.ErrHeadLost)
		}
	}
	return nil
}
