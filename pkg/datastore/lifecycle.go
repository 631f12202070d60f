package datastore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

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
		registered.unreserve(id)
		info = r.newInfo(id, Building, replay, version)
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

// Follow gives a built generation its consumer, or returns ErrWithdrawn.
func (r Registry) Follow(ctx context.Context, id string) error {
	return r.update(ctx, "follow with generation", func(registered *RegistryState) error {
		info, found := registered.Find(id)
		if !found {
			return ErrUnknown
		}
		if info.Status != Building {
			return control.Unchanged()
		}
		if info.Withdrawn != "" {
			return ErrWithdrawn
		}
		info.Status = Following
		return nil
	})
}

// Retire takes a generation out of use; the active one cannot be retired.
func (r Registry) Retire(ctx context.Context, id string) error {
	return r.update(ctx, "retire generation", func(registered *RegistryState) error {
		info, found := registered.Find(id)
		if !found || info.Status == Retired {
			return control.Unchanged()
		}
		if info.Status == Active {
			return errors.New("the active generation cannot be retired")
		}
		registered.retire(info)
		return nil
	})
}

func (r *RegistryState) retire(info *Info) {
	info.Status = Retired
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
