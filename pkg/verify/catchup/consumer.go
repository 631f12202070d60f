package catchup

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// State is how the consumer of a lane stands to the cut.
type State int

// The states.
const (
	// Coming: it has not reached the cut, and comes nearer to it in some lane.
	Coming State = iota
	// Reached: it has passed the cut.
	Reached
	// Stalled: it has not reached the cut, and came no nearer to it in any lane for as long
	// as the patience.
	Stalled
)

// Consumer is a generation's live consumer on its way to a cut. It is safe for concurrent
// use.
//
// A lane says too little of its own consumer: one that works through records of other lanes
// of its shard moves on, and so does one of another shard while this one hangs. What counts
// is the way to the cut in all lanes, which ends: those that have passed it do not count as
// moving, so that live traffic hides no lane that hangs.
type Consumer struct {
	Generation datastore.Generation
	// Cuts returns the cut's positions by lane.
	Cuts func(context.Context) ([]event.Position, error)
	// Patience is how long the consumer may come no nearer to the cut in any lane. It has to
	// exceed the time that a batch takes, or that passes before a refused one is tried again.
	Patience time.Duration
	Now      func() time.Time

	mu   sync.Mutex
	cuts []event.Position
	// on are the marks up to the cut at the look before, and moved is when they were first
	// seen.
	on    []event.Position
	moved time.Time
}

// looks is how many looks there are in the time of the patience, at least.
const looks = 40

// Interval is the time between two looks of one that waits.
func (c *Consumer) Interval() time.Duration {
	const longest = 5 * time.Second // of a long patience, too
	return min(c.Patience/looks, longest)
}

// Look says how the consumer of a lane stands to the lane's cut. The patience begins with
// the first look that does not find it there. A generation that is lost is datastore.ErrNoMark.
func (c *Consumer) Look(ctx context.Context, lane event.Lane, cut event.Position) (State, error) {
	mark, _, err := c.Generation.Mark(ctx, datastore.LiveMark, lane)
	if err != nil {
		return Coming, fmt.Errorf("load mark: %w", err)
	}
	if mark.Position >= cut {
		return Reached, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.look(ctx); err != nil {
		return Coming, err
	}
	if c.Now().Sub(c.moved) >= c.Patience {
		return Stalled, nil
	}
	return Coming, nil
}

// look notes whether the consumer has come nearer to the cut.
func (c *Consumer) look(ctx context.Context) (err error) {
	if c.cuts == nil {
		if c.cuts, err = c.Cuts(ctx); err != nil {
			return fmt.Errorf("load cuts: %w", err)
		}
	}
	marks, err := datastore.LiveMarks(ctx, c.Generation, len(c.cuts))
	if err != nil {
		return err
	}
	on := make([]event.Position, len(marks))
	for lane := range marks {
		on[lane] = min(marks[lane].Position, c.cuts[lane])
	}
	if c.on == nil || !slices.Equal(on, c.on) {
		c.on, c.moved = on, c.Now()
	}
	return nil
}
