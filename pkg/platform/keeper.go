package platform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"reprise/pkg/datastore"
)

// Consumer is what a host has for a generation.
type Consumer struct {
	Generation string
	// Version is the published version that it runs, "" where none is set.
	Version string
	// Mapping is the host's name for what hands it records, "" where there is
	// nothing that does.
	Mapping string
	// Sound says that records reach it as order and completeness demand, or are
	// about to. Busy says that the host is changing that, and will not be
	// disturbed.
	Sound, Busy bool
}

// Host is where consumers run. Methods are idempotent.
type Host interface {
	// Consumers returns every consumer of the event stream that the host has or
	// is about to have.
	Consumers(ctx context.Context) ([]Consumer, error)
	// Provide gives the generation of a consumer, which may lack all else, a sound
	// one that runs the published version.
	Provide(ctx context.Context, have Consumer, version string) error
	// Remove removes a consumer, or does a part of that and leaves the rest to
	// the next call.
	Remove(ctx context.Context, have Consumer) error
}

// Keeper makes consumers agree with the registry. Two at work at
// once do no harm.
type Keeper struct {
	Host        Host
	Registry    datastore.Registry
	Generations datastore.Generations
	Lanes       int
	// Projections is the version of the set of projections in this deploy, and
	// Published the version of write-state that has it.
	Projections, Published string
	Log                    *slog.Logger
}

// Keep makes the first generation of a new platform, and then a consumer for
// each generation that follows the stream, and removes the others. An error
// leaves the rest to the next call.
func (k *Keeper) Keep(ctx context.Context) error {
	// What runs is listed before the registry is read: a consumer that is listed
	// was made for a generation that the registry had by then, so that one unknown
	// to the registry is an old one.
	have, err := k.Host.Consumers(ctx)
	if err != nil {
		return fmt.Errorf("list consumers: %w", err)
	}
	registered, err := k.Registry.EnsureFirst(ctx, k.Generations, k.Lanes, k.Projections)
	if err != nil {
		return err
	}
	known := make(map[string]Consumer, len(have))
	for _, consumer := range have {
		known[consumer.Generation] = consumer
	}
	versions := k.versions(registered, known)
	var failed []error
	for _, info := range registered.Generations {
		if info.Consumes() {
			failed = append(failed, k.provide(ctx, info, known[info.ID], versions))
			delete(known, info.ID)
		}
	}
	for _, consumer := range known {
		failed = append(failed, k.remove(ctx, consumer))
	}
	return errors.Join(failed...)
}

// ErrNoCode says that no published version is known that has a generation's
// projections: the deploy that brought them is gone, and no other generation has
// them. A rebuild with today's code has to replace it.
var ErrNoCode = errors.New("no known version of the consumer has the generation's projections")

// versions are the published versions by the version of the projections that they
// have: this deploy's, and those that consumers of other projections run.
func (k *Keeper) versions(registered datastore.RegistryState, known map[string]Consumer) map[string]string {
	versions := make(map[string]string)
	for _, info := range registered.Generations {
		if published := known[info.ID].Version; published != "" {
			versions[info.Version] = published
		}
	}
	versions[k.Projections] = k.Published
	return versions
}

// provide gives a generation what it lacks. A consumer moves to this deploy's
// version only where that has the generation's projections: the consumer of an
// older version of them goes on with its own code. So does that of a generation
// whose rebuild was under way when other projections were deployed.
func (k *Keeper) provide(ctx context.Context, info datastore.Info, have Consumer, versions map[string]string) error {
	version := have.Version
	if version == "" || info.Version == k.Projections {
		version = versions[info.Version]
	}
	if version == "" {
		return fmt.Errorf("generation %s of projections %s: %w", info.ID, info.Version, ErrNoCode)
	}
	if version == have.Version && (have.Sound || have.Busy) && have.Mapping != "" {
		return nil
	}
	have.Generation = info.ID
	if err := k.Host.Provide(ctx, have, version); err != nil {
		return fmt.Errorf("provide consumer of generation %s: %w", info.ID, err)
	}
	if version != have.Version {
		k.Log.LogAttrs(ctx, slog.LevelInfo, "consumer points to a version",
			slog.String("generation", info.ID), slog.String("version", version))
	}
	return nil
}

func (k *Keeper) remove(ctx context.Context, have Consumer) error {
	if have.Busy {
		return nil // the host is at it; the next call goes on
	}
	if err := k.Host.Remove(ctx, have); err != nil {
		return fmt.Errorf("remove consumer of generation %s: %w", have.Generation, err)
	}
	k.Log.LogAttrs(ctx, slog.LevelInfo, "consumer removed", slog.String("generation", have.Generation))
	return nil
}
