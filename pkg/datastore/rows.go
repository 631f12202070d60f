package datastore

import (
	"context"
	"fmt"

	"reprise/pkg/event"
)

// Counts are the totals of a generation's rows.
type Counts struct {
	Entities   int64 `json:"entities"`
	Applied    int64 `json:"applied"`
	Duplicates int64 `json:"duplicates"`
	Conflicts  int64 `json:"conflicts"`
	Ignored    int64 `json:"ignored"`
	// Skipped counts events that are stepped over because of a correction, and
	// Corrections the corrections, also those without effect.
	Skipped     int64 `json:"skipped,omitempty"`
	Corrections int64 `json:"corrections,omitempty"`
	// Parked counts parked entities, and Waiting their unapplied events.
	Parked  int64 `json:"parked"`
	Waiting int64 `json:"waiting"`
	// Others counts rows of another projection version than the generation's;
	// there must be none.
	Others int64 `json:"others,omitempty"`
}

// Seen is the number of events that the rows account for.
func (c *Counts) Seen() int64 {
	return c.Applied + c.Duplicates + c.Ignored + c.Skipped + c.Corrections + c.Waiting
}

// Add counts one row.
func (c *Counts) Add(row *Row) {
	c.Entities++
	c.Applied += row.Count
	c.Duplicates += row.Duplicates
	c.Conflicts += row.Conflicts
	c.Ignored += row.Ignored
	c.Skipped += row.Skipped
	c.Corrections += row.Corrections
	if row.Parked != nil {
		c.Parked++
		c.Waiting += 1 + row.Parked.Waiting
	}
}

// AddAll adds other totals.
func (c *Counts) AddAll(o Counts) {
	c.Entities += o.Entities
	c.Applied += o.Applied
	c.Duplicates += o.Duplicates
	c.Conflicts += o.Conflicts
	c.Ignored += o.Ignored
	c.Skipped += o.Skipped
	c.Corrections += o.Corrections
	c.Parked += o.Parked
	c.Waiting += o.Waiting
	c.Others += o.Others
}

// CountLane counts the rows of one lane of a generation that belongs to a version
// of the projections, and calls visit for each of them in order.
func CountLane(ctx context.Context, g Generation, lane event.Lane, version string, visit func(*Row)) (Counts, error) {
	var sum Counts
	err := EachRow(ctx, g, lane, func(row *Row) error {
		visit(row)
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
	return eachPage(ctx, g.Scan, lane, rowPage, eachOf(visit))
}

const (
	// rowPage and parkedPage bound the rows, and the parked rows, of a page, beside
	// PageBytes.
	rowPage    = 500
	parkedPage = 200
)

// eachPage calls visit for every non-empty page of list.
func eachPage(
	ctx context.Context, list func(context.Context, event.Lane, string, int) ([]Row, error), lane event.Lane, limit int,
	visit func([]Row) error,
) error {
	for after := ""; ; {
		rows, err := list(ctx, lane, after, limit)
		if err != nil {
			return fmt.Errorf("read rows of lane %s: %w", lane, err)
		}
		if len(rows) > 0 {
			if err := visit(rows); err != nil {
				return err
			}
			after = rows[len(rows)-1].Entity
		}
		if !MoreRows(rows, limit) {
			return nil
		}
	}
}

func eachOf(visit func(*Row) error) func([]Row) error {
	return func(rows []Row) error {
		for i := range rows {
			if err := visit(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
}

// ParkedPages calls visit for the parked rows of a lane, page by page; indexed is
// the generation's Info.Indexed.
func ParkedPages(ctx context.Context, g Generation, indexed bool, lane event.Lane, visit func([]Row) error) error {
	if !indexed {
		return EachRow(ctx, g, lane, func(row *Row) error {
			if row.Parked == nil {
				return nil
			}
			return visit([]Row{*row})
		})
	}
	return eachPage(ctx, g.Parked, lane, parkedPage, visit)
}

// EachParked calls visit for every parked row of a lane, in order. If the
// generation has no complete index of them (Info.Indexed), it calls visit for
// every row, so that visit can bound what is read.
func EachParked(ctx context.Context, g Generation, indexed bool, lane event.Lane, visit func(*Row) error) error {
	if !indexed {
		return EachRow(ctx, g, lane, visit)
	}
	return ParkedPages(ctx, g, true, lane, eachOf(visit))
}
