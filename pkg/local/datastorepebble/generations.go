package datastorepebble

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"reprise/pkg/datastore"
	"reprise/pkg/local/localstore"
)

// Generations is a datastore.Generations on the local store. It is safe for
// concurrent use.
type Generations struct {
	space    *localstore.Space
	versions *localstore.Versions
	stripes  *localstore.Stripes

	// mu is read-locked while a write checks and applies, and write-locked while
	// a generation is created, dropped or cleared, never during a sync. So no
	// write reaches a dropped generation.
	mu     sync.RWMutex
	exists map[string]bool
}

var _ datastore.Generations = (*Generations)(nil)

// New opens the generations in space. Only one Generations may use a space at a
// time.
func New(space *localstore.Space) (*Generations, error) {
	versions, err := localstore.OpenVersions(space, []byte(sessionKey))
	if err != nil {
		return nil, fmt.Errorf("open generations: %w", err)
	}
	g := &Generations{space: space, versions: versions, stripes: localstore.NewStripes(), exists: make(map[string]bool)}
	prefix := generationKey("")
	err = space.Scan(prefix, localstore.PrefixEnd(prefix), func(key, _ []byte) (bool, error) {
		g.exists[string(key[len(prefix):])] = true
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("open generations: %w", err)
	}
	return g, nil
}

// Create implements datastore.Generations.
func (g *Generations) Create(ctx context.Context, id string) error {
	if err := errors.Join(ctx.Err(), datastore.CheckID(id)); err != nil {
		return fmt.Errorf("create generation: %w", err)
	}
	pending, known, err := g.create(id)
	if err == nil && known {
		err = g.space.Sync() // another Create may not have reached the disk yet
	} else if err == nil {
		err = pending.Wait()
	}
	if err != nil {
		return fmt.Errorf("create generation %s: %w", id, err)
	}
	return nil
}

func (g *Generations) create(id string) (pending localstore.Pending, known bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.exists[id] {
		return pending, true, nil
	}
	pending, err = g.space.Apply(func(b *localstore.Batch) error { return b.Put(generationKey(id), nil) })
	if err == nil {
		g.exists[id] = true
	}
	return pending, false, err
}

// Open implements datastore.Generations.
func (g *Generations) Open(id string) datastore.Generation {
	return &generation{all: g, id: id, data: dataPrefix(id)}
}

// Drop implements datastore.Generations. It is accepted on a full disk.
func (g *Generations) Drop(ctx context.Context, id string) error {
	return change(ctx, "drop", id, g.drop)
}

// change applies a change of a generation and waits until it is on disk.
func change(ctx context.Context, verb, id string, apply func(id string) (localstore.Pending, error)) error {
	err := ctx.Err()
	if err == nil {
		var pending localstore.Pending
		if pending, err = apply(id); err == nil {
			err = pending.Wait()
		}
	}
	if err != nil {
		return fmt.Errorf("%s generation %s: %w", verb, id, err)
	}
	return nil
}

func (g *Generations) drop(id string) (localstore.Pending, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	pending, err := g.space.ApplyFree(func(b *localstore.Batch) error {
		return errors.Join(b.Delete(generationKey(id)), deleteData(b, id))
	})
	if err == nil {
		delete(g.exists, id)
	}
	return pending, err
}

func deleteData(b *localstore.Batch, id string) error {
	data := dataPrefix(id)
	return b.DeleteRange(data, localstore.PrefixEnd(data))
}

// Clear implements datastore.Generations. It fails with
// datastore.ErrNoGeneration if the generation does not exist, and is accepted on
// a full disk.
func (g *Generations) Clear(ctx context.Context, id string) error {
	return change(ctx, "clear", id, g.clear)
}

func (g *Generations) clear(id string) (localstore.Pending, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.exists[id] {
		return localstore.Pending{}, datastore.ErrNoGeneration
	}
	return g.space.ApplyFree(func(b *localstore.Batch) error { return deleteData(b, id) })
}

// Size implements datastore.Generations. It does not count what is not on disk in a
// sorted table yet, the newest few megabytes of all generations.
func (g *Generations) Size(ctx context.Context, id string) (int64, error) {
	size, err := int64(0), ctx.Err()
	if err == nil {
		size, err = g.size(id)
	}
	if err != nil {
		return 0, fmt.Errorf("measure generation %s: %w", id, err)
	}
	return size, nil
}

func (g *Generations) size(id string) (int64, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if !g.exists[id] {
		return 0, datastore.ErrNoGeneration
	}
	data := dataPrefix(id)
	return g.space.Size(data, localstore.PrefixEnd(data))
}

// List implements datastore.Generations.
func (g *Generations) List(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	return slices.Sorted(maps.Keys(g.exists)), nil
}
