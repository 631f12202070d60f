package platform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"reprise/pkg/datastore"
)

// Consumer is the consumer of a generation on a host.
type Consumer struct {
	Generation string
	// Version is the published version of the code that it runs, "" if none is
	// set.
	Version string
	// Mapping is the host's name of its event source mapping, "" if there is none.
	Mapping string
	// Sound means that its records arrive, or soon will, completely and in order.
	// Busy means that the host is changing it and it must not be changed now.
	Sound, Busy bool
}

// Host is where consumers run. Methods are idempotent.
type Host interface {
	// Consumers returns every generation's consumer that exists or is being
	// created.
	Consumers(ctx context.Context) ([]Consumer, error)
	// Provide makes the consumer of have.Generation sound and run the published
	// version. The other fields of have are zero if there is no consumer yet.
	Provide(ctx context.Context, have Consumer, version string) error
	// Remove removes a consumer, or does a part of that and leaves the rest to
	// the next call.
	Remove(ctx context.Context, have Consumer) error
}

// Keeper makes consumers match the registry of generations. Several may run
// concurrently.
type Keeper struct {
	Host        Host
	Registry    datastore.Registry
	Generations datastore.Generations
	Lanes       int
	// Projections is the version of this deploy's set of projections, Published
	// the version of write-state that contains it.
	Projections, Published string
	Log                    *slog.Logger
}

// Keep creates the first generation of a new platform, creates a consumer for
// each generation that follows the stream, and removes all other consumers. If
// some of this fails, the next call retries it.
func (k *Keeper) Keep(ctx context.Context) error {
	// List the consumers before reading the registry: the generation of a listed
	// consumer was in the registry by then, so a consumer whose generation is
	// missing is obsolete.
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

// ErrNoCode means that no known published version contains a generation's
// projections: they are not in this deploy and no consumer runs them. A rebuild
// with the current code has to replace the generation.
var ErrNoCode = errors.New("no known version of the consumer has the generation's projections")

// versions are the known published versions by version of their projections: this
// deploy's, and those that consumers run.
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

// provide creates or repairs the consumer of a generation. It moves a consumer to
// this deploy's version only if that contains the generation's projections.
// Otherwise, for an older generation or one whose rebuild began before this
// deploy, the consumer keeps its own code.
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
		return nil // the host is changing it; the next call continues
	}
	if err := k.Host.Remove(ctx, have); err != nil {
		return fmt.Errorf("remove consumer of generation %s: %w", have.Generation, err)
	}
	k.Log.LogAttrs(ctx, slog.LevelInfo, "consumer removed", slog.String("generation", have.Generation))
	return nil
}
