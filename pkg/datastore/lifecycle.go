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

// FirstGeneration is the id of the generation that a platform starts with. No
// replay is ever given it.
const FirstGeneration = "g0001"

var idPattern = regexp.MustCompile(`^g([0-9]{4,9})$`)

func generationID(number int) string { return fmt.Sprintf("g%04d", number) }

// Issued reports whether an id is one that this registry has given away, be it
// entered or not. A table of any other name is not the registry's.
func (r *RegistryState) Issued(id string) bool {
	parts := idPattern.FindStringSubmatch(id)
	if parts == nil {
		return false
	}
	number, err := strconv.Atoi(parts[1])
	return err == nil && number >= 1 && number <= r.Next && id == generationID(number)
}

// IsReserved reports whether an id waits to be entered.
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

// Begin enters a generation of a version in one write: a platform's first one
// (replay ""), which is active at once unless there is an active one already,
// or one of a replay that needs no reservation because nothing can come in
// between.
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
		info = Info{ID: FirstGeneration, Status: Active, Version: version, Created: r.Now().UTC(), Indexed: true}
		registered.Active = info.ID
		registered.Generations = append(registered.Generations, info)
		return nil
	})
	return info, err
}

// Reserve gives a replay an id for a new generation, never one that was given
// before but for one that is still reserved for a replay of that name.
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

// Unreserve gives a reservation up.
func (r Registry) Unreserve(ctx context.Context, id string) error {
	return r.update(ctx, "give reservation up", func(registered *RegistryState) error {
		if !registered.IsReserved(id) {
			return control.Unchanged()
		}
		registered.unreserve(id)
		return nil
	})
}

// Enter makes a reserved id a generation that is being built. It is idempotent
// while the entry stands. An id can be entered once: behind a withdrawal it is
// ErrWithdrawn, and after the entry was retired ErrUnknown, however late a
// caller comes.
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
		info = Info{ID: id, Status: Building, Version: version, Replay: replay, Created: r.Now().UTC(), Indexed: true}
		registered.Generations = append(registered.Generations, info)
		return nil
	})
	return info, err
}

// Follow gives a built generation its consumer. One that was withdrawn is
// refused.
func (r Registry) Follow(ctx context.Context, id string) error {
	return r.update(ctx, "let generation follow", func(registered *RegistryState) error {
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

// Retire takes a generation out of use. The active one is refused.
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
	if r.Hold != nil && r.Hold.Replay == info.Replay {
		r.Hold = nil
	}
}

// Discard retires a generation that is still being built, and reports whether
// it is retired then. One that came to follow meanwhile stays.
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

// Forget removes a retired generation from the registry, once its table is gone.
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
