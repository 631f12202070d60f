package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
)

// Sweep drops what nobody owns: retired generations, unfinished generations whose
// replay has ended or is gone, throwaways whose verification has ended or is gone,
// tables without an entry, and reservations that nobody can enter any more. It runs at
// every close, at the start of a platform and on a schedule, concurrently with
// everything else: each reason to drop something stays true once it is true: a failed
// replay can be continued for a shorter time than its generation is kept. Sweep is
// idempotent.
//
// Of following generations, Sweep only takes the consumer away from those whose replay
// failed more than a day ago: Close keeps one as a rollback target.
func (c *Closer) Sweep(ctx context.Context) error {
	// Tables are listed before the registry is loaded. A table is created after its
	// entry and dropped before the entry goes. So a listed table without an entry
	// will never have one again: an id is entered only once.
	tables, err := c.Generations.List(ctx)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	registered, err := c.Registry.Load(ctx)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	err = errors.Join(c.sweepEntries(ctx, &registered), c.sweepReserved(ctx, &registered))
	for _, id := range orphans(&registered, tables) {
		if dropped := c.Generations.Drop(ctx, id); dropped != nil {
			err = errors.Join(err, fmt.Errorf("drop table of generation %s: %w", id, dropped))
		}
	}
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	return nil
}

func (c *Closer) sweepEntries(ctx context.Context, registered *datastore.RegistryState) error {
	var errs []error
	for i := range registered.Generations {
		info := &registered.Generations[i]
		switch {
		case info.Status == datastore.Retired:
			errs = append(errs, c.dropRetired(ctx, info.ID))
		case info.Verification != "":
			errs = append(errs, c.dropThrowaway(ctx, info.ID, info.Verification))
		case info.Status == datastore.Building:
			needed, err := c.needs(ctx, info.Replay, info.ID)
			if err == nil && !needed {
				err = c.dropUnfinished(ctx, info.ID)
			}
			errs = append(errs, err)
		case info.Status == datastore.Following:
			errs = append(errs, c.detach(ctx, info))
		}
	}
	return errors.Join(errs...)
}

// detach takes the consumer away from a generation whose replay failed long ago. If the
// replay was continued meanwhile, the registry knows.
func (c *Closer) detach(ctx context.Context, info *datastore.Info) error {
	if info.Replay == "" || info.Withdrawn != datastore.WithdrawnFailed {
		return nil
	}
	row, err := c.Store.Load(ctx, info.Replay)
	if errors.Is(err, replay.ErrNotFound) {
		return nil
	}
	now := c.Store.Now()
	if err != nil || row.Generation != info.ID || !row.Keeps(now) || !row.Detachable(now) {
		return err
	}
	return c.Registry.Detach(ctx, info.ID, info.Replay)
}

func (c *Closer) sweepReserved(ctx context.Context, registered *datastore.RegistryState) error {
	var errs []error
	for _, reserved := range registered.Reserved {
		needed, err := c.needs(ctx, reserved.Replay, reserved.ID)
		if err == nil && !needed {
			err = c.Registry.Unreserve(ctx, reserved.ID)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// needs reports whether a replay may still use a generation: it has not ended or may be
// continued, and its row names this generation or none yet. The row is loaded after the registry. A
// later replay of the same name gets another id, unless the reservation still exists.
func (c *Closer) needs(ctx context.Context, owner, id string) (bool, error) {
	if owner == "" {
		return true, nil
	}
	row, err := c.Store.Load(ctx, owner)
	if errors.Is(err, replay.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return row.Keeps(c.Store.Now()) && (row.Generation == id || row.Generation == ""), nil
}

// orphans returns the tables that no entry or reservation names. It leaves out the
// first generation's table, which is created before its entry, and ids that this
// registry has not issued, since it may be an older one that was restored.
func orphans(registered *datastore.RegistryState, tables []string) []string {
	return slices.DeleteFunc(slices.Clone(tables), func(id string) bool {
		_, entered := registered.Find(id)
		return entered || registered.IsReserved(id) || !registered.Issued(id) ||
			(registered.Active == "" && id == datastore.FirstGeneration)
	})
}
