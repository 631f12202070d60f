package replay

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
	if _, err := LiveMarks(ctx, active, p.Lanes.Count()); err != nil {
		if isGone(err) {
			return nil
		}
		return err
	}
	generation := p.Generations.Open(info.ID)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelLanes)
	for lane := range event.Lane(p.Lanes.Count()) {
		group.Go(func() error {
			return eachParked(ctx, generation, info.Indexed, lane, func(rows []datastore.Row) error {
				return compareParked(ctx, rows, active, lane)
			})
		})
	}
	return group.Wait()
}

// parkedPage bounds the parked rows that are held at a time.
const parkedPage = 200

// eachParked calls visit for the parked rows of a lane, page by page.
func eachParked(ctx context.Context, g datastore.Generation, indexed bool, lane event.Lane, visit func([]datastore.Row) error) error {
	if !indexed {
		return EachRow(ctx, g, lane, func(row *datastore.Row) error {
			if row.Parked == nil {
				return nil
			}
			return visit([]datastore.Row{*row})
		})
	}
	for after := ""; ; {
		rows, err := g.Parked(ctx, lane, after, parkedPage)
		if err != nil {
			return fmt.Errorf("list parked rows of lane %s: %w", lane, err)
		}
		if len(rows) > 0 {
			if err := visit(rows); err != nil {
				return err
			}
			after = rows[len(rows)-1].Entity
		}
		if len(rows) < parkedPage {
			return nil
		}
	}
}

// EachParked calls visit for every parked row of a lane, in order. Where the
// generation has no whole index of them, visit is called for every row, so that
// it can bound what is read.
func EachParked(ctx context.Context, g datastore.Generation, indexed bool, lane event.Lane, visit func(*datastore.Row) error) error {
	if !indexed {
		return EachRow(ctx, g, lane, visit)
	}
	return eachParked(ctx, g, true, lane, func(rows []datastore.Row) error {
		for i := range rows {
			if err := visit(&rows[i]); err != nil {
				return err
			}
		}
		return nil
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
		// Where the active one has not come to the rejected event yet, it is
		// not known to take it, and readers were never shown what follows.
		old, found := rows[parked[i].Entity]
		if found && old.Parked == nil && old.Position >= parked[i].Parked.Position {
			return ErrParked
		}
	}
	return nil
}
