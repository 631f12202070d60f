package datastore

import (
	"context"

	"reprise/pkg/control"
)

// mayBecomeActive returns why a flip to the generation is refused, regardless of
// its status; nil means that it is not.
func (i *Info) mayBecomeActive() error {
	switch {
	case i.Verification != "":
		return ErrThrowaway
	case i.Withdrawn != "":
		return ErrWithdrawn
	case i.Loss != nil:
		return ErrLost
	}
	return nil
}

// MayBeChosen returns why a person may not make the generation active, regardless of its
// status; nil means that it is allowed. Whoever cancelled its replay has decided against
// it for good; a replay that has failed decides nothing.
func (i *Info) MayBeChosen() error {
	if i.Withdrawn == WithdrawnFailed && i.Loss == nil && i.Verification == "" {
		return nil
	}
	return i.mayBecomeActive()
}

// WithdrawnFailed is why a right is withdrawn that Reinstate may give back.
const WithdrawnFailed = "FAILED"

// Withdraw removes a replay's right to make its generation active, and ends its
// hold: no later flip succeeds, and an id that is only reserved cannot be entered.
// why is the status with which the replay is about to end; the first value is kept
// and returned, except that WithdrawnFailed gives way to any other. attempt is the
// replay's; the right of a later attempt stays. After the flip Withdraw returns
// ErrActive. It is idempotent.
func (r Registry) Withdraw(ctx context.Context, id, replay, why string, attempt int) (kept string, err error) {
	err = r.update(ctx, "withdraw generation", func(registered *RegistryState) error {
		kept = why
		info, found := registered.Find(id)
		reserved, isReserved := registered.reservation(id)
		switch {
		case isReserved:
			return withdraw(&reserved.Withdrawn, reserved.Attempt, attempt, &kept)
		case !found || info.Replay != replay:
			return control.Unchanged()
		case info.Promoted || info.Status == Active:
			return ErrActive
		}
		if err := withdraw(&info.Withdrawn, info.Attempt, attempt, &kept); err != nil {
			return err
		}
		registered.release(replay)
		return nil
	})
	return kept, err
}

// withdraw sets why a right was withdrawn to *why, or sets *why to an earlier reason.
func withdraw(withdrawn *string, newest, attempt int, why *string) error {
	switch {
	case newest > attempt:
		return control.Unchanged()
	case *withdrawn != "" && (*withdrawn != WithdrawnFailed || *why == WithdrawnFailed):
		*why = *withdrawn
		return control.Unchanged()
	}
	*withdrawn = *why
	return nil
}

// Reinstate gives a replay that had failed the right to its generation back, once for
// each attempt: a withdrawal of this attempt or a later one stays. It returns
// ErrWithdrawn if the right was withdrawn for another reason, and ErrUnknown if the
// generation is gone. It is idempotent.
func (r Registry) Reinstate(ctx context.Context, id, replay string, attempt int) error {
	return r.update(ctx, "reinstate generation", func(registered *RegistryState) error {
		info, found := registered.Find(id)
		reserved, isReserved := registered.reservation(id)
		switch {
		case isReserved && reserved.Replay == replay:
			return reinstate(&reserved.Withdrawn, &reserved.Attempt, attempt)
		case !found || info.Replay != replay || info.Status == Retired:
			return ErrUnknown
		case info.Promoted || info.Status == Active:
			return control.Unchanged()
		}
		return reinstate(&info.Withdrawn, &info.Attempt, attempt)
	})
}

func reinstate(withdrawn *string, newest *int, attempt int) error {
	switch {
	case *withdrawn != "" && *withdrawn != WithdrawnFailed:
		return ErrWithdrawn
	case *newest >= attempt:
		return control.Unchanged()
	}
	*withdrawn, *newest = "", attempt
	return nil
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
