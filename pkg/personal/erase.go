package personal

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/personal/sealed"
)

// Known is what a platform knows of a data subject.
type Known struct {
	// Ref stands for the data subject in sealed values and logs.
	Ref sealed.Ref
	// Generation is that of the latest key, and HasKey whether it exists.
	Generation uint32
	HasKey     bool
	Erasures   []Erasure
}

func known(ref sealed.Ref, row *Row) Known {
	return Known{Ref: ref, Generation: row.Generation, HasKey: row.Wrapped != nil, Erasures: row.Erasures}
}

// Look says what the platform knows of a data subject. Errors: ErrNoKey if nothing was
// ever sealed for it.
func (v *Vault) Look(ctx context.Context, subject string) (Known, error) {
	if v == nil {
		return Known{}, ErrNoKey
	}
	root, err := v.secret(ctx, false)
	if err != nil {
		return Known{}, err
	}
	if root == nil {
		return Known{}, ErrNoKey
	}
	ref := refTo(root, subject)
	rows, err := v.keys.Load(ctx, []sealed.Ref{ref})
	if err != nil {
		return Known{}, err
	}
	row, found := rows[ref]
	if !found {
		return Known{}, ErrNoKey
	}
	return known(ref, &row), nil
}

// Erase destroys the key of a data subject. What was sealed with it can never be read
// again, wherever it is; what is sealed for the subject from then on gets another key.
// An erasure that failed may have been carried out; repeating it is safe. Errors: ErrNoKey
// if there is nothing to erase.
func (v *Vault) Erase(ctx context.Context, subject string, e Erasure) (Known, error) {
	before, err := v.Look(ctx, subject)
	if err != nil {
		return Known{}, err
	}
	e.At = v.now()
	defer v.drop(before.Ref)
	row, err := v.keys.Erase(ctx, before.Ref, e)
	if errors.Is(err, ErrNoKey) {
		return before, err
	}
	if err != nil {
		return Known{}, fmt.Errorf("erase a data subject: %w", err)
	}
	return known(before.Ref, &row), nil
}
