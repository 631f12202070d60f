package datastorepebble

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/local/localstore"
)

// Mark implements datastore.Generation. A stored mark begins with its version.
func (g *generation) Mark(ctx context.Context, name datastore.MarkName, lane event.Lane) (
	datastore.Mark, datastore.MarkVersion, error,
) {
	end, err := g.begin(ctx)
	if err != nil {
		return datastore.Mark{}, "", fmt.Errorf("read mark: %w", err)
	}
	defer end()
	var mark datastore.Mark
	var version datastore.MarkVersion
	found, err := g.all.space.View(markKey(g.data, name, lane), func(value []byte) error {
		if len(value) < localstore.VersionBytes {
			return errLayout
		}
		version = markVersion(value)
		mark, err = decodeMark(value[localstore.VersionBytes:])
		return err
	})
	if err != nil {
		return datastore.Mark{}, "", fmt.Errorf("read mark: %w", err)
	}
	if !found {
		return datastore.Mark{}, "", datastore.ErrNoMark
	}
	return mark, version, nil
}

func markVersion(value []byte) datastore.MarkVersion {
	return datastore.MarkVersion(localstore.Version(value[:localstore.VersionBytes]).String())
}

// SetMark implements datastore.Generation.
func (g *generation) SetMark(ctx context.Context, name datastore.MarkName, lane event.Lane, mark datastore.Mark,
	previous datastore.MarkVersion,
) (datastore.MarkVersion, error) {
	if err := errors.Join(ctx.Err(), mark.Check()); err != nil {
		return "", fmt.Errorf("set mark: %w", err)
	}
	version := g.all.versions.Next()
	value := appendMark(append(make([]byte, 0, 128+len(mark.Place)), version[:]...), &mark)
	pending, err := g.setMark(ctx, markKey(g.data, name, lane), value, previous)
	if errors.Is(err, datastore.ErrConflict) {
		return "", datastore.ErrConflict
	}
	if err == nil {
		err = pending.Wait()
	}
	if err != nil {
		return "", fmt.Errorf("set mark: %w", err)
	}
	return datastore.MarkVersion(version.String()), nil
}

func (g *generation) setMark(ctx context.Context, key, value []byte, previous datastore.MarkVersion) (
	localstore.Pending, error,
) {
	end, err := g.begin(ctx)
	if err != nil {
		return localstore.Pending{}, err
	}
	defer end()
	defer g.all.stripes.Lock(key)()
	var stored datastore.MarkVersion
	_, err = g.all.space.View(key, func(value []byte) error {
		if len(value) < localstore.VersionBytes {
			return errLayout
		}
		stored = markVersion(value)
		return nil
	})
	if err != nil {
		return localstore.Pending{}, err
	}
	if stored != previous {
		return localstore.Pending{}, datastore.ErrConflict
	}
	return g.all.space.Apply(func(b *localstore.Batch) error { return b.Put(key, value) })
}
