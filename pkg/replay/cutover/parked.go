package cutover

import (
	"context"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// checkParked returns ErrParked if the generation has parked an entity that the active
// one has not. A lost active generation is not compared. The check is exact under a
// hold, when the active generation stands still and the new one has reached the
// heads. It reads the parked rows and their counterparts, or all rows if the
// generation has no complete index of parked entities.
func (p *Promoter) checkParked(ctx context.Context, info datastore.Info, activeID string) error {
	active := p.Generations.Open(activeID)
	if _, err := datastore.LiveMarks(ctx, active, p.Lanes.Count()); err != nil {
		if datastore.IsGone(err) {
			return nil
		}
		return err
	}
	generation := p.Generations.Open(info.ID)
	lanes := event.AllLanes(p.Lanes.Count())
	return datastore.EachLane(ctx, lanes, func(ctx context.Context, _ int, lane event.Lane) error {
		return datastore.ParkedPages(ctx, generation, info.Indexed, lane, func(rows []datastore.Row) error {
			return compareParked(ctx, rows, active, lane)
		})
	})
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
		// If the active generation has not reached the rejected event yet, it may
		// reject it, too, and readers have seen nothing later. If it is ahead of the
		// new one, it may have seen a correction; under a hold it is not.
		old, found := rows[parked[i].Entity]
		if found && old.Parked == nil && old.Position >= parked[i].Parked.Position && old.Position <= parked[i].Position {
			return ErrParked
		}
	}
	return nil
}
