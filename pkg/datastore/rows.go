package datastore

import (
	"context"
	"fmt"

	"reprise/pkg/event"
)

// Counts sums up rows of a generation.
type Counts struct {
	Entities   int64 `json:"entities"`
	Applied    int64 `json:"applied"`
	Duplicates int64 `json:"duplicates"`
	Conflicts  int64 `json:"conflicts"`
	Ignored    int64 `json:"ignored"`
	// Parked counts entities, Waiting their events that were not applied.
	Parked  int64 `json:"parked"`
	Waiting int64 `json:"waiting"`
	// Others are rows of another version of the projections than the
	// generation's: there must be none.
	Others int64 `json:"others,omitempty"`
}

// Seen is the number of events that the rows have seen.
func (c *Counts) Seen() int64 { return c.Applied + c.Duplicates + c.Ignored + c.Waiting }

// Add counts one row.
func (c *Counts) Add(row *Row) {
	c.Entities++
	c.Applied += row.Count
	c.Duplicates += row.Duplicates
	c.Conflicts += row.Conflicts
	c.Ignored += row.Ignored
	if row.Parked != nil {
		c.Parked++
		c.Waiting += 1 + row.Parked.Waiting
	}
}

// AddAll counts what another sum has counted.
func (c *Counts) AddAll(o Counts) {
	c.Entities += o.Entities
	c.Applied += o.Applied
	c.Duplicates += o.Duplicates
	c.Conflicts += o.Conflicts
	c.Ignored += o.Ignored
	c.Parked += o.Parked
	c.Waiting += o.Waiting
	c.Others += o.Others
}

// CountLane sums up one lane of a generation that belongs to a version of the
// projections.
func CountLane(ctx context.Context, g Generation, lane event.Lane, version string) (Counts, error) {
	var sum Counts
	err := EachRow(ctx, g, lane, func(row *Row) error {
		sum.Add(row)
		if row.Version != version {
			sum.Others++
		}
		return nil
	})
	return sum, err
}

// EachRow calls visit for every row of a lane in order.
func EachRow(ctx context.Context, g Generation, lane event.Lane, visit func(*Row) error) error {
	const page = 500
	after := ""
	for {
		rows, err := g.Scan(ctx, lane, after, page)
		if err != nil {
			return fmt.Errorf("scan rows of lane %s: %w", lane, err)
		}
		for i := range rows {
			if err := visit(&rows[i]); err != nil {
				return err
			}
			after = rows[i].Entity
		}
		if len(rows) < page {
			return nil
		}
	}
}

// parkedPage bounds the parked rows that are held at a time.
const parkedPage = 200

// ParkedPages calls visit for the parked rows of a lane, page by page.
func ParkedPages(ctx context.Context, g Generation, indexed bool, lane event.Lane, visit func([]Row) error) error {
	if !indexed {
		return EachRow(ctx, g, lane, func(row *Row) error {
			if row.Parked == nil {
				return nil
			}
			return visit([]Row{*row})
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
func EachParked(ctx context.Context, g Generation, indexed bool, lane event.Lane, visit func(*Row) error) error {
	if !indexed {
		return EachRow(ctx, g, lane, visit)
	}
	return ParkedPages(ctx, g, true, lane, func(rows []Row) error {
		for i := range rows {
			if err := visit(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
}
