package cutover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/polling"
)

// Promotion is the state of a cut-over.
type Promotion string

// The states of a promotion.
const (
	// Promoted: the new generation is the active one.
	Promoted Promotion = "promoted"
	// CatchingUp: the new generation's consumer has not reached the heads yet.
	CatchingUp Promotion = "catching-up"
	// PromotionStopped: the replay was cancelled or has ended.
	PromotionStopped Promotion = "stopped"
	// PromotionAsking: somebody has to approve first; promote again then.
	PromotionAsking Promotion = "asking"
	// PromotionPaused: somebody paused the replay; promote again once it is resumed.
	PromotionPaused Promotion = "paused"
)

var (
	// ErrParked says that the new generation has parked an entity that the
	// active one has not. The generation is kept, and an operator has to decide.
	ErrParked = errors.New("the rebuilt generation parks entities that the active one does not")
	// ErrCutTooOld says that the cut is so old that the event stream may soon
	// drop the events after it. CatchUp moves it.
	ErrCutTooOld = errors.New("more than half of the event stream's retention has passed since the cut")
	// ErrNotProved says that the replay is not proved complete.
	ErrNotProved = errors.New("the replay is not proved complete")
)

// Promoter gives a rebuilt generation its consumer and makes it active. It is safe
// for concurrent use.
type Promoter struct {
	Store       replay.Store
	Heads       eventlog.Heads
	Registry    datastore.Registry
	Generations datastore.Generations
	Lanes       *event.Lanes
	// Retention is the event stream's retention.
	Retention time.Duration
	// Comparer says what a promotion would change; nil compares nothing.
	Comparer *Comparer
	// OneVersion says that consumers run this program's version of the projections only,
	// so that Choose refuses generations of others.
	OneVersion bool
	// Lease is how long a hold on the active generation lasts.
	Lease time.Duration
	// FirstPoll is the time between the first two looks at the marks; it doubles up
	// to Poll. 0 means Poll. Sleep is how the promoter waits.
	FirstPoll time.Duration
	Poll      time.Duration
	Sleep     func(ctx context.Context, d time.Duration) error
}

// Promote makes a following generation the active one: it waits until the generation
// has caught up, holds the consumer of the active one, waits until the generation
// has reached the heads of that time, and flips. So readers never see an earlier state
// than before. At the deadline it releases its hold and returns CatchingUp. A pause is
// noticed before each hold and at its beginning; once the hold stands, it is too late.
func (p *Promoter) Promote(ctx context.Context, id string, deadline time.Time) (Promotion, error) {
	row, err := p.Store.Working(ctx, id)
	switch {
	case err != nil:
		return "", err
	case row.Promoted:
		return Promoted, nil
	case row.Over():
		return PromotionStopped, nil
	case row.Paused:
		return PromotionPaused, nil
	}
	if early, err := p.before(ctx, &row, deadline); early != "" || err != nil {
		return early, err
	}
	looks := p.looks()
	for {
		err := p.checkPaused(ctx, row.ID)
		flipped := false
		if err == nil {
			flipped, err = p.attempt(ctx, row, deadline)
		}
		switch {
		case errors.Is(err, datastore.ErrHoldLost) || errors.Is(err, datastore.ErrHeld):
		case errors.Is(err, datastore.ErrWithdrawn):
			return PromotionStopped, nil
		case errors.Is(err, errPaused):
			return PromotionPaused, nil
		case err != nil:
			return "", fmt.Errorf("promote generation %s: %w", row.Generation, err)
		}
		if flipped {
			return p.promoted(ctx, id)
		}
		if !p.Store.Now().Before(deadline) {
			return CatchingUp, nil
		}
		if err := looks.Wait(ctx); err != nil {
			return "", err
		}
	}
}

// before is what a promotion comes to before it tries to flip, "" if it may try: the
// generation may be active already, since a person may choose it while its replay has
// failed, and it may be lost; only then is it compared and asked about.
func (p *Promoter) before(ctx context.Context, row *replay.Row, deadline time.Time) (Promotion, error) {
	registered, err := p.Registry.Load(ctx)
	if err != nil {
		return "", err
	}
	info, err := p.ownGeneration(&registered, *row)
	if err == nil && (info.Promoted || info.Status == datastore.Active) {
		return p.promoted(ctx, row.ID)
	}
	done := false
	if err == nil {
		done, err = p.compare(ctx, row, deadline)
	}
	switch {
	case errors.Is(err, datastore.ErrWithdrawn):
		return PromotionStopped, nil
	case errors.Is(err, errPaused):
		return PromotionPaused, nil
	case err != nil:
		return "", fmt.Errorf("promote generation %s: %w", row.Generation, err)
	case !done:
		return CatchingUp, nil
	case row.Request.Ask && row.Approval == nil:
		return p.ask(ctx, row.ID)
	}
	return "", nil
}

// promoted records the flip in the row. A row that has ended meanwhile was closed by a
// caller that saw the flip in the registry.
func (p *Promoter) promoted(ctx context.Context, id string) (Promotion, error) {
	_, err := p.Store.Update(ctx, id, func(r *replay.Row) error { r.Promoted = true; return nil })
	if err != nil && !errors.Is(err, replay.ErrEnded) {
		return "", err
	}
	return Promoted, nil
}

func (p *Promoter) attempt(ctx context.Context, row replay.Row, deadline time.Time) (bool, error) {
	registered, err := p.Registry.Load(ctx)
	if err != nil {
		return false, err
	}
	// An earlier attempt may have crashed after its flip. A hold would then stop
	// the new generation's own consumer.
	info, err := p.ownGeneration(&registered, row)
	if err != nil || info.Promoted || info.Status == datastore.Active {
		return err == nil, err
	}
	// First without a hold, so that the live path of the active generation is
	// stopped only once the lag is small.
	// From time to time, Promote looks whether the replay is paused.
	if soon := p.Store.Now().Add(pauseInterval); soon.Before(deadline) {
		deadline = soon
	}
	if reached, err := p.awaitHeads(ctx, row, deadline); err != nil || !reached {
		return false, err
	}
	// This check only avoids a hold that would probably be in vain: rows change
	// until the active generation stands still.
	acceptParked := row.Approval != nil && row.Approval.AcceptParked
	if row.Proof != nil && row.Proof.Rows != nil && row.Proof.Rows.Parked > 0 && !acceptParked {
		if err := p.checkParked(ctx, *info, registered.Active); err != nil {
			return false, err
		}
	}
	hold, err := p.Registry.Hold(ctx, row.ID, p.Lease)
	if err != nil {
		return false, err
	}
	// Who pauses writes the row and then looks for the hold, so one of the two sees
	// the other.
	if err := p.checkPaused(ctx, row.ID); err != nil {
		return false, errors.Join(err, p.Registry.Release(ctx, row.ID))
	}
	reached, err := p.awaitHeads(ctx, row, p.Store.Now().Add(p.Lease/2))
	if err == nil && reached && !acceptParked {
		err = p.checkParked(ctx, *info, registered.Active)
	}
	if err == nil && reached {
		if err = p.Registry.Flip(ctx, row.Generation, row.ID, hold); err == nil {
			return true, nil
		}
	}
	return false, errors.Join(err, p.Registry.Release(ctx, row.ID))
}

// pauseInterval is how often a promotion that waits without a hold looks for a pause.
const pauseInterval = 2 * time.Second

// errPaused says that the replay is paused.
var errPaused = errors.New("the replay is paused")

func (p *Promoter) checkPaused(ctx context.Context, id string) error {
	row, err := p.Store.Load(ctx, id)
	if err == nil && row.Paused {
		err = errPaused
	}
	return err
}

// ownGeneration returns the entry of the replay's generation, or why the generation
// can never become active.
func (p *Promoter) ownGeneration(registered *datastore.RegistryState, row replay.Row) (*datastore.Info, error) {
	info, found := registered.Find(row.Generation)
	switch {
	case !found || info.Replay != row.ID || info.Status == datastore.Retired:
		return nil, datastore.ErrUnknown
	case info.Promoted || info.Status == datastore.Active:
		return info, nil
	case info.Version != p.Store.Version:
		return nil, replay.OtherVersion(info.Version, p.Store.Version)
	case info.Withdrawn != "":
		return nil, datastore.ErrWithdrawn
	case info.Loss != nil:
		return nil, fmt.Errorf("%w (lane %d: %s)", datastore.ErrLost, info.Loss.Lane, info.Loss.Why)
	}
	return info, nil
}

// awaitHeads loads the heads once and waits until the generation's live marks have
// reached them, or the deadline.
func (p *Promoter) awaitHeads(ctx context.Context, row replay.Row, deadline time.Time) (bool, error) {
	heads, err := p.Heads.LoadAll(ctx, p.Lanes.Count())
	if err != nil {
		return false, err
	}
	if err := p.checkCut(ctx, row, heads); err != nil {
		return false, err
	}
	generation := p.Generations.Open(row.Generation)
	looks := p.looks()
	for {
		reached, err := hasReached(ctx, generation, heads)
		if datastore.IsGone(err) {
			err = p.lose(ctx, row.Generation, err)
		}
		if err != nil {
			return false, err
		}
		if reached {
			err := p.checkFilled(ctx, row)
			return err == nil, err
		}
		if !p.Store.Now().Before(deadline) {
			return false, nil
		}
		if err := looks.Wait(ctx); err != nil {
			return false, err
		}
	}
}

func (p *Promoter) looks() *polling.Waiter {
	return polling.Interval{First: p.FirstPoll, Most: p.Poll}.Waiter(p.Sleep)
}

// lose records a generation whose marks are gone as lost.
func (p *Promoter) lose(ctx context.Context, id string, why error) error {
	if _, err := p.Registry.Lose(ctx, id, datastore.Loss{Why: why.Error()}); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", datastore.ErrLost, why)
}

func hasReached(ctx context.Context, g datastore.Generation, heads []eventlog.Head) (bool, error) {
	marks, err := datastore.LiveMarks(ctx, g, len(heads))
	for i := range marks {
		if marks[i].Position < heads[i].Position {
			return false, err
		}
	}
	return err == nil, err
}
