package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// DropGeneration takes a generation out of use for good: it gets no events any more, and
// cannot become active. Its table is dropped by the next sweep. It returns
// datastore.ErrUnknown if there is no such generation (any more), datastore.ErrActive for
// the active one, and cutover.ErrBuilding or cutover.ErrBusy while its replay has not
// ended, which is cancelled instead, and datastore.ErrThrowaway while a verification needs
// it. A replay that asks whether to promote it is cancelled:
// to drop it is to decline.
func (s *Service) DropGeneration(ctx context.Context, id string) error {
	registry := s.Closer.Registry
	registered, err := registry.Load(ctx)
	if err != nil {
		return err
	}
	info, found := registered.Find(id)
	switch {
	case !found || info.Status == datastore.Retired:
		err = datastore.ErrUnknown
	case info.ID == registered.Active:
		err = datastore.ErrActive
	case info.Verification != "":
		err = s.Closer.verifies(ctx, info.Verification, datastore.ErrThrowaway)
	default:
		err = s.decline(ctx, info)
	}
	if err == nil {
		// It compares and swaps: a generation that has become active meanwhile stays.
		err = registry.Retire(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("drop generation %s: %w", id, err)
	}
	return nil
}

// decline returns why the replay of a generation still decides about it, nil if it does
// not, or no more.
func (s *Service) decline(ctx context.Context, info *datastore.Info) error {
	if info.Replay == "" {
		return nil
	}
	row, err := s.Store.Load(ctx, info.Replay)
	switch {
	case errors.Is(err, replay.ErrNotFound):
		return nil
	case err != nil:
		return err
	case row.Generation != info.ID: // a later replay of the same name
		return nil
	case info.Status == datastore.Building && row.Keeps(s.Store.Now()):
		return cutover.ErrBuilding
	case row.Asking() && !row.Status.Ended() && !info.Promoted:
		_, err := s.Cancel(ctx, row.ID)
		switch {
		case errors.Is(err, replay.ErrEnded):
			return nil
		case errors.Is(err, replay.ErrPromoted):
			return datastore.ErrActive
		}
		return err
	case !row.Status.Ended() && !info.Promoted:
		return cutover.ErrBusy
	}
	return nil
}
