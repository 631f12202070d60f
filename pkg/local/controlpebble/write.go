package controlpebble

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/control"
	"reprise/pkg/local/localstore"
)

// Put implements control.Table.
func (t *Table) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	if err := errors.Join(ctx.Err(), control.Write{Key: key, Body: body}.Check()); err != nil {
		return "", fmt.Errorf("put document: %w", err)
	}
	at := storedKey(key)
	version := t.versions.Next()
	pending, err := t.swap(at, previous, func(b *localstore.Batch) error { return b.Put(at, version[:], body) })
	if errors.Is(err, control.ErrConflict) {
		return "", control.ErrConflict
	}
	if err == nil {
		err = pending.Wait()
	}
	if err != nil {
		return "", fmt.Errorf("put document: %w", err)
	}
	return control.Version(version.String()), nil
}

// swap applies fill if the version stored under key is previous.
func (t *Table) swap(
	key []byte, previous control.Version, fill func(*localstore.Batch) error,
) (localstore.Pending, error) {
	defer t.stripes.Lock(key)()
	if err := t.check(key, previous); err != nil {
		return localstore.Pending{}, err
	}
	return t.space.Apply(fill)
}

// check returns ErrConflict unless the stored version is previous. The caller
// holds the key's stripe.
func (t *Table) check(key []byte, previous control.Version) error {
	stored, err := t.version(key)
	if err != nil {
		return err
	}
	if stored != previous {
		return control.ErrConflict
	}
	return nil
}

// version returns the stored version, "" if there is no document.
func (t *Table) version(key []byte) (version control.Version, err error) {
	_, err = t.space.View(key, func(value []byte) error {
		if len(value) < localstore.VersionBytes {
			return fmt.Errorf("decode document: value of %d bytes", len(value))
		}
		version = control.Version(localstore.Version(value[:localstore.VersionBytes]).String())
		return nil
	})
	return version, err
}

// Delete implements control.Table.
func (t *Table) Delete(ctx context.Context, key control.Key, previous control.Version) error {
	if err := errors.Join(ctx.Err(), key.Check()); err != nil {
		return fmt.Errorf("delete document: %w", err)
	}
	at := storedKey(key)
	pending, err := t.remove(at, previous)
	if errors.Is(err, control.ErrConflict) || errors.Is(err, control.ErrNotFound) {
		return err
	}
	if err == nil {
		err = pending.Wait()
	}
	if err != nil {
		return fmt.Errorf("delete document: %w", err)
	}
	return nil
}

func (t *Table) remove(key []byte, previous control.Version) (localstore.Pending, error) {
	defer t.stripes.Lock(key)()
	stored, err := t.version(key)
	switch {
	case err != nil:
		return localstore.Pending{}, err
	case stored == "":
		return localstore.Pending{}, control.ErrNotFound
	case stored != previous:
		return localstore.Pending{}, control.ErrConflict
	}
	return t.space.Apply(func(b *localstore.Batch) error { return b.Delete(key) })
}

// PutAll implements control.Table. All writes whose condition holds go into
// one batch, so a crash leaves all of them or none.
func (t *Table) PutAll(ctx context.Context, writes []control.Write) ([]error, error) {
	if err := errors.Join(ctx.Err(), control.CheckWrites(writes)); err != nil {
		return nil, fmt.Errorf("put documents: %w", err)
	}
	keys := make([][]byte, len(writes))
	for i := range writes {
		keys[i] = storedKey(writes[i].Key)
	}
	results := make([]error, len(writes))
	pending, err := t.swapAll(keys, writes, results)
	if err == nil {
		err = pending.Wait()
	}
	if err != nil {
		return nil, fmt.Errorf("put documents: %w", err)
	}
	return results, nil
}

func (t *Table) swapAll(keys [][]byte, writes []control.Write, results []error) (localstore.Pending, error) {
	defer t.stripes.LockAll(keys)()
	return t.space.Apply(func(b *localstore.Batch) error {
		for i, w := range writes {
			results[i] = t.check(keys[i], w.Previous)
			if errors.Is(results[i], control.ErrConflict) {
				continue
			}
			if results[i] != nil {
				return results[i]
			}
			version := t.versions.Next()
			if err := b.Put(keys[i], version[:], w.Body); err != nil {
				return err
			}
		}
		return nil
	})
}
