package cutover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
)

var (
	// ErrBuilding says that the generation is still being built by its replay.
	ErrBuilding = errors.New("the generation is still being built")
	// ErrBusy says that the generation's own replay is about to make it active.
	ErrBusy = errors.New("the generation's replay has not ended")
	// ErrBehind says that the generation did not catch up with the log in time. A retry
	// helps once its lag is small.
	ErrBehind = errors.New("the generation has not caught up with the log")
	// ErrNoPrevious says that there is no generation to go back to.
	ErrNoPrevious = errors.New("there is no generation to go back to")
)

// Choice is the decision of a person to make a generation the active one.
type Choice struct {
	// Generation becomes active in place of Instead, which has to be the active one.
	// With Instead "" it is whichever is active.
	Generation, Instead string
	// AcceptParked makes the generation active even if it parks entities that the active
	// one does not.
	AcceptParked bool
}

// Chosen is what came of a Choice.
type Chosen struct {
	Active, Previous string
	// Held is how long the consumer of the formerly active generation was held.
	Held time.Duration
}

// Choose makes a generation that follows the event stream the active one, at the request
// of a person: the promotion of a generation whose replay has ended, and a rollback. It
// is the same act as Promote, and readers never see an earlier state than before. owner
// names the caller; no two calls may have the same.
//
// It returns ErrUnknown, ErrActive, ErrLost, ErrWithdrawn, ErrNotActive or ErrHeld of
// package datastore, or ErrBuilding, ErrBusy, ErrBehind, ErrParked or
// replay.ErrOtherVersion; after each of them nothing has changed.
func (p *Promoter) Choose(ctx context.Context, choice Choice, owner string, deadline time.Time) (Chosen, error) {
	looks := p.looks()
	for {
		chosen, err := p.choose(ctx, choice, owner, deadline)
		if !errors.Is(err, datastore.ErrHoldLost) && !errors.Is(err, errNotYet) {
			if err != nil {
				return Chosen{}, fmt.Errorf("make generation %s active: %w", choice.Generation, err)
			}
			return chosen, nil
		}
		if !p.Store.Now().Before(deadline) {
			return Chosen{}, fmt.Errorf("make generation %s active: %w", choice.Generation, ErrBehind)
		}
		if err := looks.Wait(ctx); err != nil {
			return Chosen{}, err
		}
	}
}

// errNotYet says that the generation did not reach the heads under a hold.
var errNotYet = errors.New("the generation has not reached the heads under the hold")

// choose is one attempt.
func (p *Promoter) choose(ctx context.Context, choice Choice, owner string, deadline time.Time) (Chosen, error) {
	registered, err := p.Registry.Load(ctx)
	if err != nil {
		return Chosen{}, err
	}
	info, row, err := p.selectable(ctx, &registered, choice)
	if err != nil {
		return Chosen{}, err
	}
	// As in Promote, first without a hold, so that the live path stands still for a
	// moment only, and so that what cannot succeed takes none.
	reached, err := p.awaitHeads(ctx, row, deadline)
	switch {
	case err != nil:
		return Chosen{}, err
	case !reached:
		return Chosen{}, ErrBehind
	}
	if !choice.AcceptParked {
		if err := p.checkParked(ctx, *info, registered.Active); err != nil {
			return Chosen{}, err
		}
	}
	began := p.Store.Now()
	hold, err := p.Registry.HoldOf(ctx, owner, registered.Active, p.Lease)
	if err != nil {
		return Chosen{}, err
	}
	if err := p.flipHeld(ctx, choice, *info, row, registered.Active, owner, hold); err != nil {
		return Chosen{}, errors.Join(err, p.Registry.Release(ctx, owner))
	}
	return Chosen{Active: info.ID, Previous: registered.Active, Held: p.Store.Now().Sub(began)}, nil
}

// flipHeld waits, under a hold, until the generation has reached the heads, and flips.
func (p *Promoter) flipHeld(
	ctx context.Context, choice Choice, info datastore.Info, row replay.Row, active, owner string, hold int,
) error {
	reached, err := p.awaitHeads(ctx, row, p.Store.Now().Add(p.Lease/2))
	switch {
	case err != nil:
		return err
	case !reached:
		return errNotYet
	}
	if !choice.AcceptParked {
		if err := p.checkParked(ctx, info, active); err != nil {
			return err
		}
	}
	return p.Registry.FlipChosen(ctx, info.ID, owner, hold)
}

// selectable returns the entry of the chosen generation and the row of its replay with
// the evidence of its proof, or why it cannot become active. Of a generation whose
// evidence may be gone by now, the row has nothing but the id.
func (p *Promoter) selectable(
	ctx context.Context, registered *datastore.RegistryState, choice Choice,
) (*datastore.Info, replay.Row, error) {
	bare := replay.Row{Generation: choice.Generation}
	info, found := registered.Find(choice.Generation)
	switch {
	case !found || info.Status == datastore.Retired:
		return nil, bare, datastore.ErrUnknown
	case info.ID == registered.Active:
		return nil, bare, datastore.ErrActive
	case choice.Instead != "" && choice.Instead != registered.Active:
		return nil, bare, datastore.ErrNotActive
	case info.Status == datastore.Building:
		return nil, bare, ErrBuilding
	}
	if err := info.MayBeChosen(); err != nil {
		return nil, bare, err
	}
	if p.OneVersion && info.Version != p.Store.Version {
		return nil, bare, replay.OtherVersion(info.Version, p.Store.Version)
	}
	row, err := p.owner(ctx, info)
	switch {
	case err != nil:
		return nil, bare, err
	case row.ID == "":
		return info, bare, nil
	case !row.Status.Ended() && row.Request.Promote && !info.Promoted:
		return nil, bare, ErrBusy
	case row.Ended != nil && p.Store.Now().Sub(*row.Ended) > replay.ContinueWithin:
		return info, bare, nil // its documents may just be being removed
	}
	return info, row, nil
}

// ask records that a replay waits for an approval. Its generation goes on following the
// event stream meanwhile.
func (p *Promoter) ask(ctx context.Context, id string) (Promotion, error) {
	_, err := p.Store.AskApproval(ctx, id)
	switch {
	case errors.Is(err, replay.ErrEnded):
		return PromotionStopped, nil
	case err != nil:
		return "", err
	}
	return PromotionAsking, nil
}

// owner returns the row of the replay that has built a generation, the zero row if it is
// gone.
func (p *Promoter) owner(ctx context.Context, info *datastore.Info) (replay.Row, error) {
	if info.Replay == "" {
		return replay.Row{}, nil
	}
	row, err := p.Store.Load(ctx, info.Replay)
	switch {
	case errors.Is(err, replay.ErrNotFound):
		return replay.Row{}, nil
	case err != nil || row.Generation != info.ID: // a later replay of the same name
		return replay.Row{}, err
	}
	return row, nil
}
