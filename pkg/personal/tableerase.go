package personal

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/control"
	"reprise/pkg/personal/sealed"
)

// Erase implements Keys. With Material it first notes what it is about to do, then takes
// the key from the readers, then overwrites it.
func (k *TableKeys) Erase(ctx context.Context, ref sealed.Ref, e Erasure) (Row, error) {
	row, err := k.erase(ctx, ref, e)
	if err != nil {
		return Row{}, fmt.Errorf("erase key: %w", err)
	}
	return row, nil
}

func (k *TableKeys) erase(ctx context.Context, ref sealed.Ref, e Erasure) (Row, error) {
	doc, _, err := control.Load[document](ctx, k.Table, keyOf(ref))
	switch {
	case errors.Is(err, control.ErrNotFound):
		return Row{}, ErrNoKey
	case err != nil:
		return Row{}, err
	}
	e.Generation = doc.Generation
	if err := k.note(ctx, ref, e); err != nil {
		return Row{}, err
	}
	return k.carryOut(ctx, ref, e)
}

// note keeps that an erasure has begun.
func (k *TableKeys) note(ctx context.Context, ref sealed.Ref, e Erasure) error {
	if k.Material == nil {
		return nil // one write does all
	}
	_, err := control.Update(ctx, k.Table, pendingOf(ref), func(noted *Erasure, exists bool) error {
		if exists && noted.Generation == e.Generation { // an earlier call has
			return control.Unchanged()
		}
		*noted = e
		return nil
	})
	return err
}

func (k *TableKeys) carryOut(ctx context.Context, ref sealed.Ref, e Erasure) (Row, error) {
	_, err := control.Update(ctx, k.Table, keyOf(ref), func(d *document, _ bool) error { return d.take(e) })
	if errors.Is(err, ErrNoKey) {
		return Row{}, errors.Join(err, k.forget(ctx, ref))
	}
	if err != nil {
		return Row{}, err
	}
	return k.finish(ctx, ref)
}

// take takes the key of a generation from a document, and does nothing if an earlier call
// has, but not to its end.
func (d *document) take(e Erasure) error {
	switch {
	case d.Doomed != nil:
		return control.Unchanged()
	case d.Generation != e.Generation || (d.Key == nil && d.Place == nil):
		return ErrNoKey
	}
	d.Erasures = append(d.Erasures, e)
	d.Erasures = d.Erasures[max(0, len(d.Erasures)-maxErasures):]
	d.Key, d.Doomed, d.Place = nil, d.Place, nil
	return nil
}

// finish overwrites the key that an erasure has taken, and forgets that it was pending.
func (k *TableKeys) finish(ctx context.Context, ref sealed.Ref) (Row, error) {
	doc, version, err := control.Load[document](ctx, k.Table, keyOf(ref))
	if err != nil {
		return Row{}, err
	}
	if k.Material == nil {
		return k.row(&doc, version)
	}
	if doc.Doomed != nil {
		if err := k.Material.Destroy(*doc.Doomed); err != nil {
			return Row{}, err
		}
		doc, err = control.Update(ctx, k.Table, keyOf(ref), func(d *document, _ bool) error {
			if d.Doomed == nil {
				return control.Unchanged()
			}
			d.Doomed = nil
			return nil
		})
		if err != nil {
			return Row{}, err
		}
	}
	row, err := k.row(&doc, version)
	return row, errors.Join(err, k.forget(ctx, ref))
}

// forget removes the note that an erasure is pending.
func (k *TableKeys) forget(ctx context.Context, ref sealed.Ref) error {
	doc, err := k.Table.Get(ctx, pendingOf(ref))
	if err == nil {
		err = k.Table.Delete(ctx, doc.Key, doc.Version)
	}
	if errors.Is(err, control.ErrNotFound) || errors.Is(err, control.ErrConflict) { // somebody else has
		return nil
	}
	return err
}

// Finish implements Keys: an erasure that was noted, and whose key readers still get, is
// carried out, as it was asked for.
func (k *TableKeys) Finish(ctx context.Context) error {
	if k.Material == nil {
		return nil
	}
	err := control.Each(ctx, k.Table, partitionErasures, "", func(sort string, e Erasure) error {
		ref, err := refOf(sort)
		if err != nil {
			return err
		}
		if _, err = k.carryOut(ctx, ref, e); errors.Is(err, ErrNoKey) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("finish erasures: %w", err)
	}
	return nil
}
