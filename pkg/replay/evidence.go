package replay

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// What a proof said is held against the stores once more when it is acted on:
// a generation may have been emptied since, and a head may have been lost.

// checkFilled returns an error where a proved generation no longer holds what
// its replay brought: the replay's own marks, which nobody sets once the replay
// is proved, are gone. A consumer's marks alone prove nothing, since Follow sets
// them, also late. A generation that follows is recorded as lost.
func (p *Promoter) checkFilled(ctx context.Context, row Row) error {
	checkpoints, err := p.Store.loadCheckpoints(ctx, row.ID, row.Lanes)
	if err != nil {
		return err
	}
	m := marks{store: p.Store, id: row.ID, generation: p.Generations.Open(row.Generation)}
	filled, err := m.loadAll(ctx, row.Lanes)
	if err != nil && !errors.Is(err, datastore.ErrNoGeneration) {
		return err
	}
	for _, n := range row.Lanes {
		lane := event.Lane(n)
		if end := checkpoints[lane].End; err == nil && end != nil && filled[lane].Ordinal >= end.Delivered.Count {
			continue
		}
		why := fmt.Errorf("lane %s no longer holds what the replay brought: %w", lane, datastore.ErrNoMark)
		lost, err := p.Registry.Lose(ctx, row.Generation, datastore.Loss{Lane: n, Why: why.Error()})
		if err != nil {
			return err
		}
		if lost {
			return fmt.Errorf("%w: %w", datastore.ErrLost, why)
		}
		return fmt.Errorf("%w: %w", ErrGenerationLost, why)
	}
	return nil
}

// checkCut returns eventlog.ErrHeadLost where a head lies before the cut that
// the replay was proved for.
func (p *Promoter) checkCut(ctx context.Context, row Row, heads []eventlog.Head) error {
	all := make([]int, len(heads))
	for i := range all {
		all[i] = i
	}
	plans, err := p.Store.loadLanePlans(ctx, row.ID, all)
	if err != nil {
		return err
	}
	for i := range heads {
		if cut := plans[event.Lane(i)].Head.Position; heads[i].Position < cut {
			return fmt.Errorf("lane %s is at %q, the cut at %s: %w", event.Lane(i), heads[i].Position, cut, eventlog.ErrHeadLost)
		}
	}
	return nil
}
