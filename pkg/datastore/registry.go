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

// Status is the stage of a generation's life.
type Status string

// The statuses, in the order in which a generation goes through them.
const (
	// Building: the owning replay fills it.
	Building Status = "building"
	// Following: complete up to the replay's cut, and kept up to date by its own
	// consumer of the event stream.
	Following Status = "following"
	// Active: like Following, and the generation that readers see.
	Active Status = "active"
	// Retired: it has no consumer and may be dropped.
	Retired Status = "retired"
)

// Info is a generation's entry in the registry.
type Info struct {
	ID     string `json:"id"`
	Status Status `json:"status"`
	// Version is the version of its set of projections.
	Version string `json:"version"`
	// Replay owns the generation; "" for a platform's first generation.
	Replay  string    `json:"replay,omitempty"`
	Created time.Time `json:"created"`
	// Verification is set for a throwaway, and is the verification that it is built for: it
	// never becomes active, nor is it kept to go back to.
	Verification string `json:"verification,omitempty"`
	// Loss is set permanently once the generation is known to lack events or its
	// marks: nothing is folded into it any more, it cannot become active, and
	// readers get an error.
	Loss *Loss `json:"loss,omitempty"`
	// Withdrawn is set once its replay may no longer make it active, and is the status
	// with which that replay was about to end. Only Reinstate takes back a failure.
	Withdrawn string `json:"withdrawn,omitempty"`
	// Attempt is the newest attempt of its replay for which it was reinstated.
	Attempt int `json:"attempt,omitempty"`
	// CatchUps is how often the cut of its replay was moved, or is about to be: with an
	// earlier cut it cannot follow the stream.
	CatchUps int `json:"catchUps,omitempty"`
	// Detached is set while it is being built again after it followed the event stream: its
	// consumer is removed, and may follow again before that.
	Detached bool `json:"detached,omitempty"`
	// Promoted is set permanently by the flip that made it active.
	Promoted bool `json:"promoted,omitempty"`
	// Activated is when it last became active; nil if it never did, or by an earlier
	// release, which did not record it.
	Activated *time.Time `json:"activated,omitempty"`
	// Indexed says that its index of parked entities is complete: no parked row
	// was written by an earlier release without the index.
	Indexed bool `json:"indexed,omitempty"`
}

// Loss describes the first loss found in a generation.
type Loss struct {
	Lane event.Lane `json:"lane"`
	// Count is the number of missing events, 0 if unknown.
	Count int       `json:"count,omitempty"`
	At    time.Time `json:"at"`
	Why   string    `json:"why"`
}

// Consumes reports whether the generation has a consumer of the event stream.
func (i Info) Consumes() bool { return i.Status == Active || i.Status == Following }

// Hold is a lease that stops the consumer of the active generation while another
// generation becomes active.
type Hold struct {
	Generation string    `json:"generation"`
	Replay     string    `json:"replay"`
	Until      time.Time `json:"until"`
	// Number distinguishes it from earlier holds; a renewal keeps it.
	Number int `json:"number"`
}

// RegistryState is the registry's stored document.
type RegistryState struct {
	Active string `json:"active"`
	// Previous was active before Active: the target of a rollback, "" for none.
	Previous    string `json:"previous,omitempty"`
	Generations []Info `json:"generations"`
	// Next is the number of the latest id; ids are never reused.
	Next int `json:"next"`
	// Reserved are ids that were issued to replays and not entered yet. An id in
	// neither list can never be entered.
	Reserved []Reservation `json:"reserved,omitempty"`
	Hold     *Hold         `json:"hold,omitempty"`
	// Holds counts the holds ever taken.
	Holds int `json:"holds,omitempty"`
}

// Reservation is an id that a replay may turn into a generation, once.
type Reservation struct {
	ID     string `json:"id"`
	Replay string `json:"replay"`
	// Withdrawn and Attempt are as in Info: while an id is withdrawn, it cannot be
	// entered.
	Withdrawn string `json:"withdrawn,omitempty"`
	Attempt   int    `json:"attempt,omitempty"`
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
	// ErrHeld says that a generation's consumer is held: retry later.
	ErrHeld = errors.New("generation is held while another becomes active")
	// ErrHoldLost says that a hold expired before the flip: take a new hold and
	// wait again.
	ErrHoldLost = errors.New("hold was lost before the flip")
	// ErrUnknown says that the registry has no such generation. A retry cannot
	// help.
	ErrUnknown = errors.New("unknown generation")
	// ErrLost says that a generation lacks events or its marks. A retry cannot
	// help; a rebuild replaces it.
	ErrLost = errors.New("generation is lost; a rebuild has to replace it")
	// ErrWithdrawn says that the replay may no longer make its generation
	// active, because it was cancelled or has failed.
	ErrWithdrawn = errors.New("the right to make the generation active was withdrawn")
	// ErrThrowaway says that the generation is the throwaway of a verification, which drops
	// it: it never becomes active. A retry cannot help.
	ErrThrowaway = errors.New("the generation is the throwaway of a verification")
	// ErrActive says that the generation was made active: it is too late to
	// withdraw.
	ErrActive = errors.New("the generation was made active already")
	// ErrCutMoved says that the cut of the generation's replay was moved since, or has to
	// be moved: take the new one.
	ErrCutMoved = errors.New("the cut of the generation is not its newest, or outdated")
	// ErrFollows says that the generation follows the event stream: its cut has served
	// its purpose.
	ErrFollows = errors.New("the generation follows the event stream")
	// ErrNotActive says that another generation is active: load the registry and
	// decide again.
	ErrNotActive = errors.New("another generation is active")
)

// Registry is the list of generations, kept in the control table, and decides
// which one is active. It is safe for concurrent use.
type Registry struct {
	Table control.Table
	// Now is the clock for leases and timestamps.
	Now func() time.Time
}

var registryKey = control.Key{Partition: "registry", Sort: "generations"}

// Load returns the registry's state.
func (r Registry) Load(ctx context.Context) (RegistryState, error) {
	registered, _, err := control.Load[RegistryState](ctx, r.Table, registryKey)
	if err != nil && !errors.Is(err, control.ErrNotFound) {
		return RegistryState{}, fmt.Errorf("load registry of generations: %w", err)
	}
	return registered, nil
}

func (r Registry) update(ctx context.Context, verb string, change func(*RegistryState) error) error {
	_, err := control.Update(ctx, r.Table, registryKey, func(s *RegistryState, _ bool) error { return change(s) })
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

// Hold takes or renews a replay's hold on the active generation, and returns the
// number to give to Flip.
func (r Registry) Hold(ctx context.Context, replay string, lease time.Duration) (number int, err error) {
	return r.hold(ctx, replay, "", lease)
}

// HoldOf is Hold on condition that the generation is the active one, else ErrNotActive.
func (r Registry) HoldOf(ctx context.Context, owner, active string, lease time.Duration) (number int, err error) {
	return r.hold(ctx, owner, active, lease)
}

// hold takes or renews a hold on the generation, or on whichever is active for "".
func (r Registry) hold(ctx context.Context, replay, active string, lease time.Duration) (number int, err error) {
	err = r.update(ctx, "hold generation", func(registered *RegistryState) error {
		if active != "" && registered.Active != active {
			return ErrNotActive
		}
		now := r.Now()
		h := registered.Hold
		unexpired := h != nil && now.Before(h.Until)
		if unexpired && h.Replay != replay {
			return ErrHeld
		}
		if unexpired && h.Generation == registered.Active {
			number = h.Number
		} else {
			registered.Holds++
			number = registered.Holds
		}
		registered.Hold = &Hold{
			Generation: registered.Active,
			Replay:     replay,
			Until:      now.Add(lease).UTC(),
			Number:     number,
		}
		return nil
	})
	return number, err
}

// Release ends a replay's hold.
func (r Registry) Release(ctx context.Context, replay string) error {
	return r.update(ctx, "release hold", func(registered *RegistryState) error {
		if !registered.release(replay) {
			return control.Unchanged()
		}
		return nil
	})
}

// Flip makes a following generation the active one and ends the replay's hold.
// The formerly active generation becomes a following one. Flip returns
// ErrHoldLost unless the replay still has the hold of that number: after a new
// hold, the active generation has moved on in between. It returns ErrWithdrawn or
// ErrLost if the generation may not become active. The document that is compared
// and swapped contains everything that the decision rests on.
func (r Registry) Flip(ctx context.Context, id, replay string, number int) error {
	return r.flip(ctx, id, replay, number, (*Info).mayBecomeActive)
}

// FlipChosen is Flip by the decision of a person, who may also choose a generation whose
// replay has failed: one that follows the event stream is complete.
func (r Registry) FlipChosen(ctx context.Context, id, owner string, number int) error {
	return r.flip(ctx, id, owner, number, (*Info).MayBeChosen)
}

func (r Registry) flip(ctx context.Context, id, replay string, number int, may func(*Info) error) error {
	return r.update(ctx, "flip active generation", func(registered *RegistryState) error {
		if registered.Active == id {
			return control.Unchanged()
		}
		info, found := registered.Find(id)
		if !found || info.Status != Following {
			return ErrUnknown
		}
		if err := may(info); err != nil {
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
		now := r.Now().UTC()
		info.Status, info.Promoted, info.Activated = Active, true, &now
		registered.Active, registered.Hold = id, nil
		return nil
	})
}

// MayWrite returns a generation's entry, or ErrHeld while its consumer is held.
// It removes an expired hold, so that a promotion that crashed cannot stop the
// live path.
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
