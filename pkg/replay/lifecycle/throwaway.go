package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
)

// verifies returns an error if a verification goes on.
func (c *Closer) verifies(ctx context.Context, verification string, busy error) error {
	goesOn, err := c.goesOn(ctx, verification)
	if err == nil && goesOn {
		return busy
	}
	return err
}

func (c *Closer) goesOn(ctx context.Context, verification string) (bool, error) {
	if c.Verifies == nil {
		return false, nil
	}
	goesOn, err := c.Verifies(ctx, verification)
	if err != nil {
		return false, fmt.Errorf("look for the owner of a throwaway generation: %w", err)
	}
	return goesOn, nil
}

// dropThrowaway drops the generation of a verification that has ended, "" for none.
func (c *Closer) dropThrowaway(ctx context.Context, id, verification string) error {
	if id == "" {
		return nil
	}
	goesOn, err := c.goesOn(ctx, verification)
	if err != nil || goesOn {
		return err
	}
	registered, err := c.Registry.Load(ctx)
	if err != nil {
		return err
	}
	if info, found := registered.Find(id); !found || info.Verification != verification {
		return nil
	}
	if err := c.Registry.Retire(ctx, id); err != nil {
		return err
	}
	return c.dropRetired(ctx, id)
}

// ReleaseThrowaway ends the replay of a verification, which has the verification's name,
// and takes the generation that it built out of use. A table is dropped by the next sweep,
// so that whoever calls ReleaseThrowaway needs no right to drop one. It is idempotent, and
// leaves a replay alone that another verification, or none, owns.
func (s *Service) ReleaseThrowaway(ctx context.Context, verification string) error {
	row, err := s.Store.Load(ctx, verification)
	switch {
	case errors.Is(err, replay.ErrNotFound):
		return nil
	case err != nil:
		return err
	case row.Request.Verification != verification:
		return nil
	}
	if !row.Status.Ended() {
		if row, err = s.Cancel(ctx, row.ID); err != nil && !errors.Is(err, replay.ErrEnded) {
			return fmt.Errorf("release the rebuild of verification %s: %w", verification, err)
		}
		if row, err = s.Store.Load(ctx, verification); err != nil {
			return err
		}
	}
	if row.Generation == "" {
		return nil
	}
	registered, err := s.Closer.Registry.Load(ctx)
	if err != nil {
		return err
	}
	info, found := registered.Find(row.Generation)
	if !found || info.Verification != verification || info.Status == datastore.Retired {
		return nil
	}
	return s.Closer.Registry.Retire(ctx, info.ID)
}

// CheckOwner returns replay.ErrRequest for a replay that claims to belong to a verification
// which does not go on, or which has another name.
func (s *Service) CheckOwner(ctx context.Context, id string, request replay.Request) error {
	if request.Verification == "" {
		return nil
	}
	goesOn, err := s.Closer.goesOn(ctx, request.Verification)
	if err == nil && (!goesOn || request.Verification != id) {
		err = fmt.Errorf("%w: verification is set by verifications only, and %s is none that goes on",
			replay.ErrRequest, request.Verification)
	}
	return err
}
