package datastore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"reprise/pkg/control"
)

// Status says what a generation is there for.
type Status string

// The statuses, in the order in which a generation passes them.
const (
	// Building: its owner replay fills it.
	Building Status = "building"
	// Following: complete up to its replay's cut, and kept up to date by a
	// consumer of its own.
	Following Status = "following"
	// Active: as Following, and what readers are shown.
	Active Status = "active"
	// Retired: no consumer; it may be dropped.
	Retired Status = "retired"
)

// Info is what the registry knows of a generation.
type Info struct {
	ID     string `json:"id"`
	Status Status `json:"status"`
	// Version is that of the set of projections that it belongs to.
	Version string `json:"version"`
	// Replay is its owner, "" for the first generation of a platform.
	Replay  string    `json:"replay,omitempty"`
	Created time.Time `json:"created"`
}

// Consumes reports whether the generation has a consumer of the event stream.
func (i Info) Consumes() bool { return i.Status == Active || i.Status == Following }

// Hold is a lease under which the consumer of the active generation stands
// still while another becomes active.
type Hold struct {
	Generation string    `json:"generation"`
	Replay     string    `json:"replay"`
	Until      time.Time `json:"until"`
	// Number tells it from a hold that was broken before: a renewal keeps it.
	Number int `json:"number"`
}

// Roll is the registry's document.
type Roll struct {
	Active string `json:"active"`
	// Previous was active before, "" where none was: the one to go back to.
	Previous    string `json:"previous,omitempty"`
	Generations []Info `json:"generations"`
	// Next numbers the next generation; ids are never used again.
	Next int   `json:"next"`
	Hold *Hold `json:"hold,omitempty"`
	// Holds numbers the holds.
	Holds int `json:"holds,omitempty"`
}

// Find returns a generation's entry.
func (r *Roll) Find(id string) (*Info, bool) {
	at := slices.IndexFunc(r.Generations, func(i Info) bool { return i.ID == id })
	if at < 0 {
		return nil, false
	}
	return &r.Generations[at], true
}

var (
	// ErrHeld says that a generation's consumer has to stand still: retry after
	// a pause.
	ErrHeld = errors.New("generation is held while another becomes active")
	// ErrHoldLost says that a hold expired and was broken before the flip:
	// hold again and wait again.
	ErrHoldLost = errors.New("hold was lost before the flip")
	// ErrUnknown says that the registry has no such generation. A retry cannot
	// help.
	ErrUnknown = errors.New("unknown generation")
)

// Registry keeps the roll of generations in the control table. It is safe for
// concurrent use.
type Registry struct {
	Table control.Table
	// Now is the clock of leases.
	Now func() time.Time
}

var rollKey = control.Key{Partition: "registry", Sort: "generations"}

// Load returns the roll.
func (r Registry) Load(ctx context.Context) (Roll, error) {
	roll, _, err := control.Load[Roll](ctx, r.Table, rollKey)
	if err != nil && !errors.Is(err, control.ErrNotFound) {
		return Roll{}, fmt.Errorf("load roll of generations: %w", err)
	}
	return roll, nil
}

func (r Registry) update(ctx context.Context, verb string, change func(*Roll) error) error {
	_, err := control.Update(ctx, r.Table, rollKey, func(roll *Roll, _ bool) error { return change(roll) })
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

// Begin enters a new generation of a version. A replay that has one already
// gets the same; a platform's first one (replay "") is active at once.
func (r Registry) Begin(ctx context.Context, replay, version string) (Info, error) {
	var info Info
	err := r.update(ctx, "begin generation", func(roll *Roll) error {
		for _, known := range roll.Generations {
			if known.Replay == replay {
				info = known
				return control.Unchanged()
			}
		}
		roll.Next++
		info = Info{ID: fmt.Sprintf("g%04d", roll.Next), Status: Building, Version: version,
			Replay: replay, Created: r.Now().UTC()}
		if replay == "" {
			info.Status, roll.Active = Active, info.ID
		}
		roll.Generations = append(roll.Generations, info)
		return nil
	})
	return info, err
}

// Follow gives a built generation its consumer.
func (r Registry) Follow(ctx context.Context, id string) error {
	return r.update(ctx, "let generation follow", func(roll *Roll) error {
		info, found := roll.Find(id)
		if !found {
			return ErrUnknown
		}
		if info.Status != Building {
			return control.Unchanged()
		}
		info.Status = Following
		return nil
	})
}

// Retire takes a generation out of use. The active one is refused.
func (r Registry) Retire(ctx context.Context, id string) error {
	return r.update(ctx, "retire generation", func(roll *Roll) error {
		info, found := roll.Find(id)
		if !found || info.Status == Retired {
			return control.Unchanged()
		}
		if info.Status == Active {
			return errors.New("the active generation cannot be retired")
		}
		info.Status = Retired
		if roll.Hold != nil && roll.Hold.Replay == info.Replay {
			roll.Hold = nil
		}
		return nil
	})
}

// Forget removes a retired generation from the roll, once its table is gone.
func (r Registry) Forget(ctx context.Context, id string) error {
	return r.update(ctx, "forget generation", func(roll *Roll) error {
		kept := slices.DeleteFunc(slices.Clone(roll.Generations), func(i Info) bool {
			return i.ID == id && i.Status == Retired
		})
		if len(kept) == len(roll.Generations) {
			return control.Unchanged()
		}
		roll.Generations = kept
		return nil
	})
}

// Hold takes or renews the hold of the active generation for a replay, and
// returns its number, by which Flip knows it.
func (r Registry) Hold(ctx context.Context, replay string, lease time.Duration) (number int, err error) {
	err = r.update(ctx, "hold generation", func(roll *Roll) error {
		now := r.Now()
		h := roll.Hold
		live := h != nil && now.Before(h.Until)
		if live && h.Replay != replay {
			return ErrHeld
		}
		if live && h.Generation == roll.Active {
			number = h.Number
		} else {
			roll.Holds++
			number = roll.Holds
		}
		roll.Hold = &Hold{Generation: roll.Active, Replay: replay, Until: now.Add(lease).UTC(), Number: number}
		return nil
	})
	return number, err
}

// Release ends a replay's hold.
func (r Registry) Release(ctx context.Context, replay string) error {
	return r.update(ctx, "release hold", func(roll *Roll) error {
		if roll.Hold == nil || roll.Hold.Replay != replay {
			return control.Unchanged()
		}
		roll.Hold = nil
		return nil
	})
}

// Flip makes a following generation the active one, provided that the replay's
// hold of that number on the active one was never broken, and ends the hold.
// The one that was active follows on. A hold that was broken and taken again
// does not count: the active one has moved on in between.
func (r Registry) Flip(ctx context.Context, id, replay string, number int) error {
	return r.update(ctx, "flip active generation", func(roll *Roll) error {
		if roll.Active == id {
			return control.Unchanged()
		}
		info, found := roll.Find(id)
		if !found || info.Status != Following {
			return ErrUnknown
		}
		if h := roll.Hold; h == nil || h.Replay != replay || h.Number != number || h.Generation != roll.Active || !r.Now().Before(h.Until) {
			return ErrHoldLost
		}
		if old, found := roll.Find(roll.Active); found {
			old.Status, roll.Previous = Following, old.ID
		}
		info.Status, roll.Active, roll.Hold = Active, id, nil
		return nil
	})
}

// MayWrite returns a generation's entry, or ErrHeld while its consumer must
// stand still. A hold that has expired is broken here, so that a promotion
// which died cannot stop the live path.
func (r Registry) MayWrite(ctx context.Context, id string) (Info, error) {
	var info Info
	err := r.update(ctx, "check hold", func(roll *Roll) error {
		known, found := roll.Find(id)
		if !found {
			return ErrUnknown
		}
		info = *known
		if roll.Hold == nil || roll.Hold.Generation != id {
			return control.Unchanged()
		}
		if r.Now().Before(roll.Hold.Until) {
			return ErrHeld
		}
		roll.Hold = nil
		return nil
	})
	return info, err
}
