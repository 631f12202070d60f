package datastore

import (
	"context"

	"reprise/pkg/control"
)

// mayBecomeActive returns why a flip to the generation is refused, regardless of
// its status; nil means that it is not.
func (i *Info) mayBecomeActive() error {
	switch {
	case i.Withdrawn != "":
		return ErrWithdrawn
	case i.Loss != nil:
		return ErrLost
	}
	return nil
}

// Withdraw removes a replay's right to make its generation active, and ends its
// hold: no later flip succeeds, and an id that is only reserved can never be
// entered. why is the status with which the replay is about to end; the first
// value is kept and returned. After the flip it returns ErrActive. It is
// idempotent.
func (r Registry) Withdraw(ctx context.Context, id, replay, why string) (kept string, err error) {
	err = r.update(ctx, "withdraw generation", func(registered *RegistryState) error {
		kept = why
		info, found := registered.Find(id)
		reserved, isReserved := registered.reservation(id)
		switch {
		case isReserved && reserved.Withdrawn != "":
			kept = reserved.Withdrawn
			return control.Unchanged()
		case isReserved:
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
		registered.release(replay)
		return nil
	})
	return kept, err
}

// Lose records that a generation which follows the event stream lacks events or
// its marks, at the registry's time. It reports whether the generation is now
// recorded as lost; one that is gone or no longer has a consumer is not.
func (r Registry) Lose(ctx context.Context, id string, loss Loss) (lost bool, err error) {
	err = r.update(ctx, "record loss of generation", func(registered *RegistryState) error {
		info, found := registered.Find(id)
		if lost = found && info.Consumes(); !lost {
			return control.Unchanged()
		}
		return r.record(loss, info)
	})
	return lost, err
}

// LoseActive records the loss of the active generation before a caller empties
// it. It returns ErrNotActive if another generation is active.
func (r Registry) LoseActive(ctx context.Context, id string, loss Loss) error {
	return r.update(ctx, "record loss of the active generation", func(registered *RegistryState) error {
		info, found := registered.Find(id)
		if !found || registered.Active != id {
			return ErrNotActive
		}
		return r.record(loss, info)
	})
}

func (r Registry) record(loss Loss, info *Info) error {
	if info.Loss != nil {
		return control.Unchanged()
	}
	loss.At = r.Now().UTC()
	info.Loss = &loss
	return nil
}
