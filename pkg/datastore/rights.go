package datastore

import (
	"context"

	"reprise/pkg/control"
)

// mayBecomeActive tells why a flip to the generation is refused, whatever its
// status.
func (i *Info) mayBecomeActive() error {
	switch {
	case i.Withdrawn != "":
		return ErrWithdrawn
	case i.Loss != nil:
		return ErrLost
	}
	return nil
}

// Withdraw takes from a replay the right to make its generation active, and
// ends its hold: no flip that comes later succeeds, and an id that is only
// reserved can never be entered. why is how the replay is about to end; the
// first one is kept and returned. Where the flip came first it is ErrActive. It
// is idempotent.
func (r Registry) Withdraw(ctx context.Context, id, replay, why string) (kept string, err error) {
	err = r.update(ctx, "withdraw generation", func(registered *RegistryState) error {
		kept = why
		info, found := registered.Find(id)
		reserved, waits := registered.reservation(id)
		switch {
		case waits && reserved.Withdrawn != "":
			kept = reserved.Withdrawn
			return control.Unchanged()
		case waits:
			reserved.Withdrawn = why
			return nil
		case !found || info.Replay != replay:
			return control.Unchanged()
		case info.Promoted || info.Status == Active:
			return ErrActive
		case info.Withdrawn != "":
			kept = info.Withdrawn
			return control.Unchanged()
		}
		info.Withdrawn = why
		if registered.Hold != nil && registered.Hold.Replay == replay {
			registered.Hold = nil
		}
		return nil
	})
	return kept, err
}

// Lose records that a generation which follows the event stream lacks events or
// its marks, and reports whether it is known to be lost then: one that is gone
// or has no consumer any more is not. The time of the loss is the registry's.
func (r Registry) Lose(ctx context.Context, id string, loss Loss) (lost bool, err error) {
	err = r.update(ctx, "record loss of generation", func(registered *RegistryState) error {
		info, found := registered.Find(id)
		lost = found && info.Consumes()
		if !lost || info.Loss != nil {
			return control.Unchanged()
		}
		loss.At = r.Now().UTC()
		info.Loss = &loss
		return nil
	})
	return lost, err
}

// LoseActive records the loss of the active generation before somebody empties
// it. ErrNotActive where another one is active by then.
func (r Registry) LoseActive(ctx context.Context, id string, loss Loss) error {
	return r.update(ctx, "record loss of the active generation", func(registered *RegistryState) error {
		info, found := registered.Find(id)
		if !found || registered.Active != id {
			return ErrNotActive
		}
		if info.Loss != nil {
			return control.Unchanged()
		}
		loss.At = r.Now().UTC()
		info.Loss = &loss
		return nil
	})
}
