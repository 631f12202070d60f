// Package consumers gives every generation of the Data Store that follows the
// event stream a consumer of its own: an alias of the write-state function,
// named as the generation, and an event source mapping of that alias.
//
// What lives here: comparing the roll of generations with what Lambda has, and
// making the two agree. What must not: deciding which generations there are;
// that is for replays.
package consumers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// Consumer is what Lambda has for a generation.
type Consumer struct {
	Generation string
	// Version is the published version that the alias points to, "" where
	// there is no alias.
	Version string
	// Mapping is the id of the event source mapping, "" where there is none.
	Mapping string
	// Sound says that the mapping has the settings that order and completeness
	// rest on, and is enabled or about to be. Busy says that Lambda is changing
	// it: it can be neither changed nor deleted.
	Sound, Busy bool
}

// Host is where consumers run. Methods are idempotent.
type Host interface {
	// List returns every consumer of the event stream that write-state has,
	// and aliases without a mapping.
	List(ctx context.Context) ([]Consumer, error)
	// SetAlias lets a generation's alias point to a published version.
	SetAlias(ctx context.Context, generation, version string) error
	// Map creates the mapping of a generation's alias, from the oldest record
	// on.
	Map(ctx context.Context, generation string) error
	// Mend gives a mapping the settings that it must have.
	Mend(ctx context.Context, mapping string) error
	Unmap(ctx context.Context, mapping string) error
	DropAlias(ctx context.Context, generation string) error
}

// Keeper makes consumers agree with the roll of generations. Two at work at
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
	// What runs is listed before the roll is read: a consumer that is listed
	// was made for a generation that the roll had by then, so that one unknown
	// to the roll is an old one.
	have, err := k.Host.List(ctx)
	if err != nil {
		return fmt.Errorf("list consumers: %w", err)
	}
	roll, err := k.firstGeneration(ctx)
	if err != nil {
		return err
	}
	known := make(map[string]Consumer, len(have))
	for _, consumer := range have {
		known[consumer.Generation] = consumer
	}
	versions := k.versions(roll, known)
	var failed []error
	for _, info := range roll.Generations {
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

// firstGeneration makes the generation that a new platform starts with. Its
// marks come first, so that it is never taken for a lost one.
func (k *Keeper) firstGeneration(ctx context.Context) (datastore.Roll, error) {
	roll, err := k.Registry.Load(ctx)
	if err != nil || roll.Active != "" {
		return roll, err
	}
	const first = "g0001"
	if err := k.Generations.Create(ctx, first); err != nil {
		return datastore.Roll{}, fmt.Errorf("create first generation: %w", err)
	}
	for lane := range event.Lane(k.Lanes) {
		if err := datastore.BeginMark(ctx, k.Generations.Open(first), lane, eventlog.Head{}); err != nil {
			return datastore.Roll{}, err
		}
	}
	if _, err := k.Registry.Begin(ctx, "", k.Projections); err != nil {
		return datastore.Roll{}, err
	}
	return k.Registry.Load(ctx)
}

// ErrNoCode says that no version of write-state is known that has a
// generation's projections: the deploy that brought them is gone, and no other
// generation has them. A rebuild with today's code has to replace it.
var ErrNoCode = errors.New("no known version of the consumer has the generation's projections")

// versions are the published versions of write-state by the version of the
// projections that they have: this deploy's, and those that consumers of other
// projections run.
func (k *Keeper) versions(roll datastore.Roll, known map[string]Consumer) map[string]string {
	versions := make(map[string]string)
	for _, info := range roll.Generations {
		if published := known[info.ID].Version; published != "" {
			versions[info.Version] = published
		}
	}
	versions[k.Projections] = k.Published
	return versions
}

// provide gives a generation what it lacks. An alias moves to this deploy's
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
	if version != have.Version {
		if err := k.Host.SetAlias(ctx, info.ID, version); err != nil {
			return fmt.Errorf("point consumer of generation %s to version %s: %w", info.ID, version, err)
		}
		k.Log.LogAttrs(ctx, slog.LevelInfo, "consumer points to a version",
			slog.String("generation", info.ID), slog.String("version", version))
	}
	var err error
	switch {
	case have.Mapping == "":
		err = k.Host.Map(ctx, info.ID)
	case have.Busy || have.Sound:
	default:
		err = k.Host.Mend(ctx, have.Mapping)
	}
	if err != nil {
		return fmt.Errorf("map event stream to generation %s: %w", info.ID, err)
	}
	return nil
}

// remove takes the mapping first. The alias goes with a later call, once
// nothing calls it any more.
func (k *Keeper) remove(ctx context.Context, have Consumer) error {
	var err error
	switch {
	case have.Busy:
	case have.Mapping != "":
		err = k.Host.Unmap(ctx, have.Mapping)
	default:
		err = k.Host.DropAlias(ctx, have.Generation)
	}
	if err != nil {
		return fmt.Errorf("remove consumer of generation %s: %w", have.Generation, err)
	}
	k.Log.LogAttrs(ctx, slog.LevelInfo, "consumer removed", slog.String("generation", have.Generation))
	return nil
}
