package cutover

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// checkParked refuses a generation that parks what the active one does not. A
// lost active generation has nothing to be compared with. Under a hold it is
// exact: the active one stands still, and the new one has come to the heads as
// of then. It reads the parked rows and their counterparts; where the generation
// has no whole index of them, all of its rows.
func (p *Promoter) checkParked(ctx context.Context, info datastore.Info, activeID string) error {
	active := p.Generations.Open(activeID)
	if _, err := datastore.LiveMarks(ctx, active, p.Lanes.Count()); err != nil {
		if datastore.IsGone(err) {
			return nil
		}
		return err
	}
	generation := p.Generations.Open(info.ID)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lanesAtOnce)
	for lane := range event.Lane(p.Lanes.Count()) {
		group.Go(func() error {
			return datastore.ParkedPages(ctx, generation, info.Indexed, lane, func(rows []datastore.Row) error {
				return compareParked(ctx, rows, active, lane)
			})
		})
	}
	return group.Wait()
}

func compareParked(ctx context.Context, parked []datastore.Row, active datastore.Generation, lane event.Lane) error {
	entities := make([]string, len(parked))
	for i := range parked {
		entities[i] = parked[i].Entity
	}
	rows, err := active.Rows(ctx, lane, entities)
	if err != nil {
		return fmt.Errorf("read rows of the active generation: %w", err)
	}
	for i := range parked {
		// Where the active one has not come to the rejected event yet, it is
		// not known to take it, and readers were never shown what follows.
		old, found := rows[parked[i].Entity]
		if found && old.Parked == nil && old.Position >= parked[i].Parked.Position {
			return ErrParked
		}
	}
	return nil
}
