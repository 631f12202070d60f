package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/datastore"
)

// Closer ends replays and drops what they leave behind. It is safe for
// concurrent use.
type Closer struct {
	Store       Store
	Registry    datastore.Registry
	Generations datastore.Generations
	Lanes       int
}

// Close gives a replay its final status, whichever way its execution ended,
// and drops what it created: for one that did not succeed, a generation that
// is not complete; for one that did, the generations that are of no use any
// more. Replays that ended 90 days ago are removed on the way. It is idempotent
// and may be called for a replay that has ended.
func (c *Closer) Close(ctx context.Context, id string, status Status, failure *Failure) (Row, error) {
	row, _, err := c.Store.End(ctx, id, status, failure)
	if err != nil {
		return Row{}, err
	}
	if row.Generation != "" && row.Status != Succeeded {
		err = c.dropUnfinished(ctx, row.Generation)
	}
	if err == nil && row.Request.Rebuild {
		err = errors.Join(c.Registry.Release(ctx, id), c.retireOld(ctx, row))
	}
	if err == nil {
		err = c.Store.prune(ctx)
	}
	if err != nil {
		return row, fmt.Errorf("close replay %s: %w", id, err)
	}
	return row, nil
}

// dropUnfinished drops a generation that never got its consumer. One that is
// proved and follows is kept for a person to decide about.
func (c *Closer) dropUnfinished(ctx context.Context, id string) error {
	roll, err := c.Registry.Load(ctx)
	if err != nil {
		return err
	}
	if info, found := roll.Find(id); !found || info.Status != datastore.Building {
		return nil
	}
	return c.drop(ctx, id)
}

func (c *Closer) drop(ctx context.Context, id string) error {
	if err := c.Registry.Retire(ctx, id); err != nil {
		return err
	}
	if err := c.Generations.Drop(ctx, id); err != nil {
		return fmt.Errorf("drop generation %s: %w", id, err)
	}
	return c.Registry.Forget(ctx, id)
}

// retireOld drops the retired generations and those that follow, but for the
// active one, this replay's own, those whose replays have not ended, and one to
// go back to.
func (c *Closer) retireOld(ctx context.Context, row Row) error {
	roll, err := c.Registry.Load(ctx)
	if err != nil {
		return err
	}
	var retired, following []string
	for _, info := range roll.Generations {
		switch {
		case info.Status == datastore.Retired:
			retired = append(retired, info.ID)
		case info.Status == datastore.Following && info.ID != row.Generation && !c.owned(ctx, info):
			following = append(following, info.ID)
		}
	}
	kept, err := c.toGoBackTo(ctx, roll.Previous, following)
	if err != nil {
		return err
	}
	for _, id := range append(retired, following...) {
		if id == kept {
			continue
		}
		if err := c.drop(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// toGoBackTo is the generation that was active before, or, where that is gone
// or lost, the newest one that follows. Readers know what it held.
func (c *Closer) toGoBackTo(ctx context.Context, previous string, following []string) (string, error) {
	choices := slices.Clone(following)
	slices.Reverse(choices)
	if slices.Contains(following, previous) {
		choices = append([]string{previous}, choices...)
	}
	for _, id := range choices {
		lost, err := c.lost(ctx, id)
		if err != nil {
			return "", err
		}
		if !lost {
			return id, nil
		}
	}
	return "", nil
}

// owned reports that the generation's own replay has not ended, and may be
// about to promote it. What cannot be found out counts as owned.
func (c *Closer) owned(ctx context.Context, info datastore.Info) bool {
	if info.Replay == "" {
		return false
	}
	row, err := c.Store.Load(ctx, info.Replay)
	if errors.Is(err, ErrNotFound) {
		return false
	}
	return err != nil || !row.Status.Ended()
}

func (c *Closer) lost(ctx context.Context, id string) (bool, error) {
	_, err := LiveMarks(ctx, c.Generations.Open(id), c.Lanes)
	if errors.Is(err, datastore.ErrNoMark) || errors.Is(err, datastore.ErrNoGeneration) {
		return true, nil
	}
	return false, err
}
