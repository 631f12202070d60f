package datastore

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"reprise/pkg/control"
)

// FirstGeneration is the id of the generation that a platform starts with; no
// replay's generation ever gets it.
const FirstGeneration = "g0001"

var idPattern = regexp.MustCompile(`^g([0-9]{4,9})$`)

func generationID(number int) string { return fmt.Sprintf("g%04d", number) }

// Issued reports whether this registry has issued an id, whether or not it was
// entered. A table with any other name does not belong to the registry.
func (r *RegistryState) Issued(id string) bool {
	parts := idPattern.FindStringSubmatch(id)
	if parts == nil {
		return false
	}
	number, err := strconv.Atoi(parts[1])
	return err == nil && number >= 1 && number <= r.Next && id == generationID(number)
}

// IsReserved reports whether an id is reserved and not entered yet.
func (r *RegistryState) IsReserved(id string) bool {
	_, found := r.reservation(id)
	return found
}

func (r *RegistryState) reservation(id string) (*Reservation, bool) {
	at := slices.IndexFunc(r.Reserved, func(known Reservation) bool { return known.ID == id })
	if at < 0 {
		return nil, false
	}
	return &r.Reserved[at], true
}

func (r *RegistryState) unreserve(id string) {
	r.Reserved = slices.DeleteFunc(r.Reserved, func(known Reservation) bool { return known.ID == id })
}

// Begin enters a generation of a version without a separate reservation. With
// replay "" it is the platform's first generation, which is active at once; if
// there is an active generation already, Begin returns that one.
func (r Registry) Begin(ctx context.Context, replay, version string) (Info, error) {
	if replay != "" {
		id, err := r.Reserve(ctx, replay)
		if err != nil {
			return Info{}, err
		}
		return r.Enter(ctx, id, replay, version)
	}
	var info Info
	err := r.update(ctx, "begin generation", func(registered *RegistryState) error {
		if known, found := registered.Find(registered.Active); found {
			info = *known
			return control.Unchanged()
		}
		registered.Next = max(registered.Next, 1)
		info = r.newInfo(FirstGeneration, Active, "", version)
		info.Activated = &info.Created
		registered.Active = info.ID
		registered.Generations = append(registered.Generations, info)
		return nil
	})
	return info, err
}

// Reserve issues an id for a replay's new generation. An id is never issued
// twice, but a replay of the same name gets the id that is still reserved for it.
func (r Registry) Reserve(ctx context.Context, replay string) (id string, err error) {
	err = r.update(ctx, "reserve generation", func(registered *RegistryState) error {
		for _, known := range registered.Reserved {
			if known.Replay == replay && known.Withdrawn == "" {
				id = known.ID
				return control.Unchanged()
			}
		}
		// The first number is that of FirstGeneration.
		registered.Next = max(registered.Next, 1) + 1
		id = generationID(registered.Next)
		registered.Reserved = append(registered.Reserved, Reservation{ID: id, Replay: replay})
		return nil
	})
	return id, err
}

// Unreserve removes a reservation.
func (r Registry) Unreserve(ctx context.Context, id string) error {
	return r.update(ctx, "remove reservation", func(registered *RegistryState) error {
		if !registered.IsReserved(id) {
			return control.Unchanged()
		}
		registered.unreserve(id)
		return nil
	})
}

// Enter turns a reserved id into a generation that is being built. It is
// idempotent while the entry exists. An id can be entered only once: Enter
// returns ErrWithdrawn after a withdrawal, and ErrUnknown once the entry was
// retired.
func (r Registry) Enter(ctx context.Context, id, replay, version string) (Info, error) {
	return r.EnterFor(ctx, id, replay, version, "")
}

// EnterFor is Enter of the throwaway of a verification; for "" it is Enter.
func (r Registry) EnterFor(ctx context.Context, id, replay, version, verification string) (Info, error) {
	var info Info
	err := r.update(ctx, "enter generation", func(registered *RegistryState) error {
		if known, found := registered.Find(id); found {
			if known.Replay != replay || known.Status == Retired {
				return ErrUnknown
			}
			info = *known
			return control.Unchanged()
		}
		reserved, found := registered.reservation(id)
		switch {
		case !found:
			return ErrUnknown
		case reserved.Withdrawn != "":
			return ErrWithdrawn
		}
		attempt := reserved.Attempt
		registered.unreserve(id)
		info = r.newInfo(id, Building, replay, version)
		info.Attempt, info.Verification = attempt, verification
		registered.Generations = append(registered.Generations, info)
		return nil
	})
	return info, err
}

func (r Registry) newInfo(id string, status Status, replay, version string) Info {
	return Info{
		ID:      id,
		Status:  status,
		Version: version,
		Replay:  replay,
		Created: r.Now().UTC(),
		Indexed: true,
	}
}

// Cut is the cut up to which a replay has built its generation.
type Cut struct {
	// Number counts how often it was moved.
	Number int
	// Until is when it is outdated, the zero time for never.
	Until time.Time
}

// Follow gives a generation that was built up to a cut its consumer. It returns
// ErrWithdrawn, or ErrCutMoved for a cut that is not the newest, or outdated.
func (r Registry) Follow(ctx context.Context, id string, cut Cut) error {
	return r.update(ctx, "follow with generation", func(registered *RegistryState) error {
		info, found := registered.Find(id)
		if !found {
			return ErrUnknown
		}
		if info.Status != Building {
			return control.Unchanged()
		}
		switch {
		case info.Withdrawn != "":
			return ErrWithdrawn
		case info.CatchUps > cut.Number, !cut.Until.IsZero() && r.Now().After(cut.Until):
			return ErrCutMoved
		}
		info.Status, info.Detached = Following, false
		return nil
	})
}

// MoveCut records that the cut of a replay whose generation is still being built is about
// to be moved, to the one of that number. It returns ErrFollows once the generation
// follows the stream, ErrWithdrawn, and ErrUnknown for a generation that is not the
// replay's. It is idempotent.
func (r Registry) MoveCut(ctx context.Context, id, replay string, cut int) error {
	return r.update(ctx, "move cut of generation", func(registered *RegistryState) error {
		info, found := registered.Find(id)
		switch {
		case !found || info.Replay != replay || info.Status == Retired:
			return ErrUnknown
		case info.Status != Building:
			return ErrFollows
		case info.Withdrawn != "":
			return ErrWithdrawn
		case info.CatchUps >= cut:
			return control.Unchanged()
		}
		info.CatchUps = cut
		return nil
	})
}

// Detach takes the consumer away from a generation whose replay has failed, so that it is
// being built again: a replay that is continued catches up first. A generation whose
// replay has the right to flip, or that was ever active, keeps its consumer.
func (r Registry) Detach(ctx context.Context, id, replay string) error {
	return r.update(ctx, "detach generation", func(registered *RegistryState) error {
		info, found := registered.Find(id)
		if !found || info.Replay != replay || info.Status != Following || info.Withdrawn != WithdrawnFailed ||
			info.Promoted {
			return control.Unchanged()
		}
		info.Status, info.Detached = Building, true
		return nil
	})
}

// Retire takes a generation out of use. It returns ErrActive for the active one.
func (r Registry) Retire(ctx context.Context, id string) error {
	return r.update(ctx, "retire generation", func(registered *RegistryState) error {
		info, found := registered.Find(id)
		if !found || info.Status == Retired {
			return control.Unchanged()
		}
		if info.Status == Active {
			return fmt.Errorf("the active generation cannot be retired: %w", ErrActive)
		}
		registered.retire(info)
		return nil
	})
}

// retire also takes the generation back as the target of a rollback.
func (r *RegistryState) retire(info *Info) {
	info.Status = Retired
	if r.Previous == info.ID {
		r.Previous = ""
	}
	r.release(info.Replay)
}

// release ends the hold if it is the replay's, and reports whether it was.
func (r *RegistryState) release(replay string) bool {
	held := r.Hold != nil && r.Hold.Replay == replay
	if held {
		r.Hold = nil
	}
	return held
}

// Discard retires a generation that is still being built, and reports whether
// it is retired now. It leaves a generation that follows by now as it is.
func (r Registry) Discard(ctx context.Context, id string) (retired bool, err error) {
	err = r.update(ctx, "discard generation", func(registered *RegistryState) error {
		info, found := registered.Find(id)
		retired = found && (info.Status == Building || info.Status == Retired)
		if !retired || info.Status == Retired {
			return control.Unchanged()
		}
		registered.retire(info)
		return nil
	})
	return retired, err
}

// Forget removes a retired generation's entry, once its table is gone.
func (r Registry) Forget(ctx context.Context, id string) error {
	return r.update(ctx, "forget generation", func(registered *RegistryState) error {
		kept := slices.DeleteFunc(slices.Clone(registered.Generations), func(i Info) bool {
			return i.ID == id && i.Status == Retired
		})
		if len(kept) == len(registered.Generations) {
			return control.Unchanged()
		}
		registered.Generations = kept
		return nil
	})
}
