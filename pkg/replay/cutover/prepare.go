package cutover

import (
	"context"
	"fmt"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/replay"
)

// Prepare creates a rebuild's generation: it reserves an id that was never used,
// records it in the replay's row, enters it in the registry, and then creates the
// table. After a crash between any two of these, the row, the registry or
// Closer.Sweep knows what is left. It is idempotent, and returns ErrOtherVersion if
// the replay was prepared for another version.
func (p *Promoter) Prepare(ctx context.Context, id, version string) error {
	row, err := p.Store.Load(ctx, id)
	if err != nil {
		return err
	}
	if !row.Request.Rebuild || row.Over() {
		return nil
	}
	if row.Generation == "" {
		if row, err = p.reserve(ctx, id, version); err != nil || row.Generation == "" {
			return err
		}
	}
	if row.Version != "" && row.Version != version {
		return fmt.Errorf("prepare replay %s: %w", id, replay.OtherVersion(row.Version, version))
	}
	info, err := p.Registry.EnterFor(ctx, row.Generation, id, version, row.Request.Verification)
	if err != nil {
		return err
	}
	if info.Version != version {
		return fmt.Errorf("prepare replay %s: %w", id, replay.OtherVersion(info.Version, version))
	}
	if info.Status != datastore.Building {
		return nil
	}
	if err := p.Generations.Create(ctx, info.ID); err != nil {
		return fmt.Errorf("create generation %s: %w", info.ID, err)
	}
	return nil
}

// reserve records a new id in the replay's row, unless another attempt did so or the
// replay was cancelled: then Sweep removes the reservation.
func (p *Promoter) reserve(ctx context.Context, id, version string) (replay.Row, error) {
	generation, err := p.Registry.Reserve(ctx, id)
	if err != nil {
		return replay.Row{}, err
	}
	return p.Store.Update(ctx, id, func(r *replay.Row) error {
		if r.Cancel || r.Generation != "" {
			return control.Unchanged()
		}
		r.Generation, r.Version = generation, version
		return nil
	})
}
