package datastore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
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
	// Loss is set, for good, once the generation is known to lack events or has
	// lost its marks: nothing is folded into it, it cannot become active, and
	// readers are told.
	Loss *Loss `json:"loss,omitempty"`
	// Withdrawn is set, for good, once its replay may not make it active any
	// more, and says how that replay was about to end.
	Withdrawn string `json:"withdrawn,omitempty"`
	// Promoted is set, for good, by the flip that made it active.
	Promoted bool `json:"promoted,omitempty"`
	// Indexed says that every row of it that is parked has been written by code
	// that keeps the index of parked entities.
	Indexed bool `json:"indexed,omitempty"`
}

// Loss says what of a generation was lost. The first loss of it is kept.
type Loss struct {
	Lane event.Lane `json:"lane"`
	// Count is the number of events that it lacks, 0 where that is not known.
	Count int       `json:"count,omitempty"`
	At    time.Time `json:"at"`
	Why   string    `json:"why"`
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

// RegistryState is the registry's document.
type RegistryState struct {
	Active string `json:"active"`
	// Previous was active before, "" where none was: the one to go back to.
	Previous    string `json:"previous,omitempty"`
	Generations []Info `json:"generations"`
	// Next is the number of the latest generation; ids are never used again.
	Next int `json:"next"`
	// Reserved are ids that were given to replays and not entered yet. An id
	// that is in neither list can never be entered.
	Reserved []Reservation `json:"reserved,omitempty"`
	Hold     *Hold         `json:"hold,omitempty"`
	// Holds numbers the holds.
	Holds int `json:"holds,omitempty"`
}

// Reservation is an id that a replay may enter once.
type Reservation struct {
	ID     string `json:"id"`
	Replay string `json:"replay"`
	// Withdrawn is as Info's: the id can never be entered then.
	Withdrawn string `json:"withdrawn,omitempty"`
}

// Find returns a generation's entry.
func (r *RegistryState) Find(id string) (*Info, bool) {
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
	// ErrLost says that a generation lacks events or its marks. A retry cannot
	// help; a rebuild replaces it.
	ErrLost = errors.New("generation is lost; a rebuild has to replace it")
	// ErrWithdrawn says that the generation's replay may not make it active any
	// more, because it was cancelled or has failed.
	ErrWithdrawn = errors.New("the right to make the generation active was withdrawn")
	// ErrActive says that the generation was made active: nothing can be
	// withdrawn any more.
	ErrActive = errors.New("the generation was made active already")
	// ErrNotActive says that another generation is the active one: read the
	// registry and decide again.
	ErrNotActive = errors.New("another generation is active")
)

// Registry keeps the registry in the control table. It is safe for
// concurrent use.
type Registry struct {
	Table control.Table
	// Now is the clock of leases.
	Now func() time.Time
}

var registryKey = control.Key{Partition: "registry", Sort: "generations"}

// Load returns the registry.
func (r Registry) Load(ctx context.Context) (RegistryState, error) {
	registered, _, err := control.Load[RegistryState](ctx, r.Table, registryKey)
	if err != nil && !errors.Is(err, control.ErrNotFound) {
		return RegistryState{}, fmt.Errorf("load registry of generations: %w", err)
	}
	return registered, nil
}

func (r Registry) update(ctx context.Context, verb string, change func(*RegistryState) error) error {
	_, err := control.Update(ctx, r.Table, registryKey, func(registered *RegistryState, _ bool) error { return change(registered) })
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

// Hold takes or renews the hold of the active generation for a replay, and
// returns its number, by which Flip knows it.
func (r Registry) Hold(ctx context.Context, replay string, lease time.Duration) (number int, err error) {
	err = r.update(ctx, "hold generation", func(registered *RegistryState) error {
		now := r.Now()
		h := registered.Hold
		live := h != nil && now.Before(h.Until)
		if live && h.Replay != replay {
			return ErrHeld
		}
		if live && h.Generation == registered.Active {
			number = h.Number
		} else {
			registered.Holds++
			number = registered.Holds
		}
		registered.Hold = &Hold{Generation: registered.Active, Replay: replay, Until: now.Add(lease).UTC(), Number: number}
		return nil
	})
	return number, err
}

// Release ends a replay's hold.
func (r Registry) Release(ctx context.Context, replay string) error {
	return r.update(ctx, "release hold", func(registered *RegistryState) error {
		if registered.Hold == nil || registered.Hold.Replay != replay {
			return control.Unchanged()
		}
		registered.Hold = nil
		return nil
	})
}

// Flip makes a following generation the active one, provided that the replay's
// hold of that number on the active one was never broken, and ends the hold.
// The one that was active follows on. A hold that was broken and taken again
// does not count: the active one has moved on in between. All that the decision
// rests on lies in the document that is compared and swapped: ErrWithdrawn and
// ErrLost refuse it.
func (r Registry) Flip(ctx context.Context, id, replay string, number int) error {
	return r.update(ctx, "flip active generation", func(registered *RegistryState) error {
		if registered.Active == id {
			return control.Unchanged()
		}
		info, found := registered.Find(id)
		if !found || info.Status != Following {
			return ErrUnknown
		}
		if err := info.mayBecomeActive(); err != nil {
			return err
		}
		h := registered.Hold
		if h == nil || h.Replay != replay || h.Number != number || h.Generation != registered.Active ||
			!r.Now().Before(h.Until) {
			return ErrHoldLost
		}
		if old, found := registered.Find(registered.Active); found {
			old.Status, registered.Previous = Following, old.ID
		}
		info.Status, info.Promoted, registered.Active, registered.Hold = Active, true, id, nil
		return nil
	})
}

// MayWrite returns a generation's entry, or ErrHeld while its consumer must
// stand still. A hold that has expired is broken here, so that a promotion
// which died cannot stop the live path.
func (r Registry) MayWrite(ctx context.Context, id string) (Info, error) {
	var info Info
	err := r.update(ctx, "check hold", func(registered *RegistryState) error {
		known, found := registered.Find(id)
		if !found {
			return ErrUnknown
		}
		info = *known
		if registered.Hold == nil || registered.Hold.Generation != id {
			return control.Unchanged()
		}
		if r.Now().Before(registered.Hold.Until) {
			return ErrHeld
		}
		registered.Hold = nil
		return nil
	})
	return info, err
}
