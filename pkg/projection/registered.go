package projection

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// registered is the Follower for a generation of the registry.
type registered struct {
	live *Live
	id   string
}

// Marks implements Follower.
func (g *registered) Marks() datastore.Generation { return g.live.Generations.Open(g.id) }

// Permit implements Follower.
func (g *registered) Permit(ctx context.Context) (Permission, error) {
	info, err := g.live.Registry.MayWrite(ctx, g.id)
	switch {
	case err == nil && info.Detached && info.Status == datastore.Building:
		return Passes, fmt.Errorf("write to generation %s: %w", g.id, ErrDetached)
	case errors.Is(err, datastore.ErrUnknown) || (err == nil && !info.Consumes()):
		return Passes, nil
	case err != nil:
		return Passes, err
	case info.Version != g.live.Applier.Version():
		return Passes, fmt.Errorf("write to generation %s of %s: %w", g.id, info.Version, ErrOtherVersion)
	case info.Loss != nil:
		return Lost, nil
	}
	return Goes, nil
}

// Apply implements Follower.
func (g *registered) Apply(
	ctx context.Context, lane event.Lane, _ event.Position, events []Placed,
) (Tally, error) {
	to := Target{ID: g.id, Generation: g.Marks(), Lane: lane, Refolds: true}
	return g.live.Applier.Apply(ctx, to, events)
}

// Ignored implements Follower.
func (g *registered) Ignored(events []Placed) datastore.Ignored {
	return g.live.Applier.Ignored(events)
}

// Overlooks implements Follower: a generation must lack nothing.
func (g *registered) Overlooks(context.Context, event.Lane, int) bool { return false }

// Lose implements Follower.
func (g *registered) Lose(ctx context.Context, loss datastore.Loss) (bool, error) {
	return g.live.Registry.Lose(ctx, g.id, loss)
}
