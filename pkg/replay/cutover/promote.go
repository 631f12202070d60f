package cutover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// lanesAtOnce bounds the lanes that are looked at at a time.
const lanesAtOnce = 16

// Promotion is the state of a cut-over.
type Promotion string

// The states of a promotion.
const (
	// Promoted: the new generation is the active one.
	Promoted Promotion = "promoted"
	// CatchingUp: its consumer has not caught up with the log yet.
	CatchingUp Promotion = "catching-up"
	// PromotionStopped: the replay was cancelled or has ended.
	PromotionStopped Promotion = "stopped"
)

var (
	// ErrParked says that the new generation has parked an entity that the
	// active one has not. It is kept, and a person has to decide.
	ErrParked = errors.New("the rebuilt generation parks entities that the active one does not")
	// ErrCutTooOld says that so much time has passed since the cut that the
	// event stream may have dropped what came after it.
	ErrCutTooOld = errors.New("more than half of the event stream's retention has passed since the cut")
	// ErrNotProved says that a generation is not proved complete.
	ErrNotProved = errors.New("the replay is not proved complete")
)

// Promoter takes a rebuilt generation to its consumer and to being active. It
// is safe for concurrent use.
type Promoter struct {
	Store       replay.Store
	Heads       eventlog.Heads
	Registry    datastore.Registry
	Generations datastore.Generations
	Lanes       *event.Lanes
	// Retention is that of the event stream.
	Retention time.Duration
	// Lease is how long the active generation's consumer is held at a time.
	Lease time.Duration
	Poll  time.Duration
	Sleep func(ctx context.Context, d time.Duration) error
}

// Follow sets the live marks of a proved generation to the cut and gives it
// its consumer, which drops what lies before. It is idempotent.
func (p *Promoter) Follow(ctx context.Context, id string) error {
	row, err := p.Store.Working(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case row.Generation == "" || row.Status.Ended():
		return nil
	case row.Proof == nil || !row.Proof.Complete:
		return fmt.Errorf("follow with generation %s: %w", row.Generation, ErrNotProved)
	case p.Store.Now().Sub(*row.Cut) > p.Retention/2:
		return fmt.Errorf("follow with generation %s: %w", row.Generation, ErrCutTooOld)
	}
	registered, err := p.Registry.Load(ctx)
	if err == nil {
		_, err = p.own(&registered, row)
	}
	if err != nil {
		return fmt.Errorf("follow with generation %s: %w", row.Generation, err)
	}
	plans, err := p.Store.LoadLanePlans(ctx, id, event.AllLanes(p.Lanes.Count()))
	if err != nil {
		return err
	}
	generation := p.Generations.Open(row.Generation)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(lanesAtOnce)
	for lane, plan := range plans {
		group.Go(func() error { return datastore.BeginMark(groupCtx, generation, lane, plan.Head) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("follow with generation %s: %w", row.Generation, err)
	}
	if err := p.checkFilled(ctx, row); err != nil {
		return fmt.Errorf("follow with generation %s: %w", row.Generation, err)
	}
	return p.Registry.Follow(ctx, row.Generation)
}

// Promote makes a following generation the active one: it waits until the
// generation has caught up, holds the consumer of the active one, waits for
// the heads as of then, and flips. Reads therefore never step back. It returns
// CatchingUp at deadline, having released its hold.
func (p *Promoter) Promote(ctx context.Context, id string, deadline time.Time) (Promotion, error) {
	row, err := p.Store.Working(ctx, id)
	switch {
	case err != nil:
		return "", err
	case row.Promoted:
		return Promoted, nil
	case row.Cancel || row.Status.Ended():
		return PromotionStopped, nil
	}
	for {
		flipped, err := p.attempt(ctx, row, deadline)
		switch {
		case errors.Is(err, datastore.ErrHoldLost) || errors.Is(err, datastore.ErrHeld):
		case errors.Is(err, datastore.ErrWithdrawn):
			return PromotionStopped, nil
		case err != nil:
			return "", fmt.Errorf("promote generation %s: %w", row.Generation, err)
		}
		if flipped {
			return p.promoted(ctx, id)
		}
		if !p.Store.Now().Before(deadline) {
			return CatchingUp, nil
		}
		if err := p.Sleep(ctx, p.Poll); err != nil {
			return "", err
		}
	}
}

// promoted notes the flip in the row. Where the row was closed in between, that
// was by who saw the flip in the registry.
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
	// An attempt that flipped may have died before it could tell. To hold the
	// active generation then would hold the new one's own consumer.
	info, err := p.own(&registered, row)
	if err != nil || info.Promoted || info.Status == datastore.Active {
		return err == nil, err
	}
	// Without a hold first: the lag must be small before the live path of the
	// active generation is made to wait for it.
	if reached, err := p.awaitHeads(ctx, row, deadline); err != nil || !reached {
		return false, err
	}
	// This one only saves a hold, where it is likely to be refused: rows change
	// until the active one stands still.
	if row.Proof != nil && row.Proof.Rows != nil && row.Proof.Rows.Parked > 0 {
		if err := p.checkParked(ctx, *info, registered.Active); err != nil {
			return false, err
		}
	}
	hold, err := p.Registry.Hold(ctx, row.ID, p.Lease)
	if err != nil {
		return false, err
	}
	reached, err := p.awaitHeads(ctx, row, p.Store.Now().Add(p.Lease/2))
	if err == nil && reached {
		err = p.checkParked(ctx, *info, registered.Active)
	}
	if err == nil && reached {
		if err = p.Registry.Flip(ctx, row.Generation, row.ID, hold); err == nil {
			return true, nil
		}
	}
	return false, errors.Join(err, p.Registry.Release(ctx, row.ID))
}

// own returns the entry of the replay's generation, or why it can come to
// nothing: its consumer, too, would wait for ever.
func (p *Promoter) own(registered *datastore.RegistryState, row replay.Row) (*datastore.Info, error) {
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

// awaitHeads reads the heads once and waits until the generation's live marks
// have reached them, or deadline.
func (p *Promoter) awaitHeads(ctx context.Context, row replay.Row, deadline time.Time) (bool, error) {
	heads, err := p.Heads.LoadAll(ctx, p.Lanes.Count())
	if err != nil {
		return false, err
	}
	if err := p.checkCut(ctx, row, heads); err != nil {
		return false, err
	}
	generation := p.Generations.Open(row.Generation)
	for {
		behind, err := lanesBehind(ctx, generation, heads)
		if datastore.IsGone(err) {
			err = p.lose(ctx, row.Generation, err)
		}
		if err != nil {
			return false, err
		}
		if behind == 0 {
			err := p.checkFilled(ctx, row)
			return err == nil, err
		}
		if !p.Store.Now().Before(deadline) {
			return false, nil
		}
		if err := p.Sleep(ctx, p.Poll); err != nil {
			return false, err
		}
	}
}

// lose records a generation whose marks are gone as lost, for good.
func (p *Promoter) lose(ctx context.Context, id string, why error) error {
	if _, err := p.Registry.Lose(ctx, id, datastore.Loss{Why: why.Error()}); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", datastore.ErrLost, why)
}

func lanesBehind(ctx context.Context, g datastore.Generation, heads []eventlog.Head) (int, error) {
	marks, err := datastore.LiveMarks(ctx, g, len(heads))
	if err != nil {
		return 0, err
	}
	behind := 0
	for i, head := range heads {
		if marks[i].Position < head.Position {
			behind++
		}
	}
	return behind, nil
}
