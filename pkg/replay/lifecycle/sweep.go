package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
)

// Sweep drops what nobody owns: generations that were never finished and whose
// replay has ended or is gone, tables that no entry names, and reservations that
// nobody can enter any more. It runs at every close, when a platform starts and
// on its schedule, beside everything else: each thing is dropped for a reason
// that, once true, stays true. It is idempotent.
//
// Generations that follow the event stream are not its business: Close keeps one
// of them to go back to.
func (c *Closer) Sweep(ctx context.Context) error {
	// Tables are listed before the registry is read. A table is made after its entry
	// and dropped before it, so one that was there first and has no entry then
	// has lost it for good: an id is entered once.
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
		switch info.Status {
		case datastore.Retired:
			errs = append(errs, c.dropRetired(ctx, info.ID))
		case datastore.Building:
			needed, err := c.needs(ctx, info.Replay, info.ID)
			if err == nil && !needed {
				err = c.dropUnfinished(ctx, info.ID)
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
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

// needs reports whether a replay may still come to a generation: it has not
// ended, and its row names this one or none yet. The row is read after the registry,
// and a replay of the same name that begins later gets another id, unless the
// reservation still stands.
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
	return !row.Status.Ended() && (row.Generation == id || row.Generation == ""), nil
}

// orphans are the tables that no entry or reservation names. The first
// generation's table is made before its entry; and what this registry has not given
// away, because an older one was restored, is not its to drop.
func orphans(registered *datastore.RegistryState, tables []string) []string {
	return slices.DeleteFunc(slices.Clone(tables), func(id string) bool {
		_, entered := registered.Find(id)
		return entered || registered.IsReserved(id) || !registered.Issued(id) || (registered.Active == "" && id == datastore.FirstGeneration)
	})
}
