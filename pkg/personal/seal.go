package personal

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/event"
	"reprise/pkg/personal/sealed"
)

// padTo is the step to which values are filled up with spaces before they are sealed, so
// that what is left after an erasure says little of a value's length.
const padTo = 32

// Declares reports whether events of a type have personal fields.
func (v *Vault) Declares(kind string) bool { return v != nil && v.rules.Declares(kind) }

// Check returns an *event.Invalid if an event of a producer looks as if it had a sealed
// value: the platform would reveal it to readers.
func (v *Vault) Check(e *event.Event) error {
	if v == nil || !sealed.Reserved(e) {
		return nil
	}
	return &event.Invalid{Problem: "it has the text " + sealed.Name +
		", which is reserved for values that the platform has sealed"}
}

// Unsealable says which event of several cannot be sealed. It wraps an *event.Invalid.
type Unsealable struct {
	// Index is the event's, from 0.
	Index int
	Err   error
}

func (e *Unsealable) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Unsealable) Unwrap() error { return e.Err }

// Seal replaces the personal values of events by sealed ones, and makes the keys that are
// missing. The same values of the same event are sealed to the same bytes for as long as
// the key exists. With keep, values that are sealed already stay as they are: those of a
// copy of a log. Its error is an *Unsealable, or a fault of the keys' store or wrapper;
// then events may be changed.
func (v *Vault) Seal(ctx context.Context, events []*event.Event, keep bool) error {
	if v == nil || len(events) == 0 {
		return nil
	}
	found, err := v.find(events, keep)
	if err != nil || len(found) == 0 {
		return err
	}
	root, err := v.secret(ctx, true)
	if err != nil {
		return err
	}
	refs := make(map[int]sealed.Ref, len(found))
	unique := make(map[sealed.Ref]bool)
	for i, f := range found {
		refs[i] = refTo(root, f.Subject)
		unique[refs[i]] = true
	}
	keys, err := v.keysOf(ctx, unique)
	if err != nil {
		return fmt.Errorf("seal personal fields: %w", err)
	}
	for i, f := range found {
		h := keys[refs[i]]
		if err := h.seal(refs[i], events[i], f.Fields); err != nil {
			return fmt.Errorf("seal personal fields: %w", err)
		}
		if _, err := event.Parse(string(events[i].AppendJSON(nil))); err != nil {
			return &Unsealable{i, &event.Invalid{Attribute: "data",
				Problem: "is too long or too deep once its personal fields are sealed, which makes them longer: send less"}}
		}
	}
	return nil
}

// find returns what is to be sealed, by the index of its event.
func (v *Vault) find(events []*event.Event, keep bool) (map[int]sealed.Found, error) {
	all := make(map[int]sealed.Found)
	for i, e := range events {
		found, err := v.rules.Find(e, keep)
		if err != nil {
			return nil, &Unsealable{i, err}
		}
		if len(found.Fields) > 0 {
			all[i] = found
		}
	}
	return all, nil
}

// maxMakes bounds the attempts to make keys that other writers make as well, or that are
// erased meanwhile.
const maxMakes = 8

// keysOf returns the keys of subjects, and makes those that are missing.
func (v *Vault) keysOf(ctx context.Context, unique map[sealed.Ref]bool) (map[sealed.Ref]held, error) {
	all := make(map[sealed.Ref]held, len(unique))
	made := make(map[sealed.Ref]newKey)
	missing := make([]sealed.Ref, 0, len(unique))
	for ref := range unique {
		missing = append(missing, ref)
	}
	for range maxMakes {
		some, err := v.rowsOf(ctx, missing, made)
		if err != nil {
			return nil, err
		}
		missing = missing[:0]
		previous := make(map[sealed.Ref]Row)
		for ref, h := range some {
			if h.key != nil {
				all[ref] = h
			} else {
				missing = append(missing, ref)
				previous[ref] = h.row
			}
		}
		if len(missing) == 0 {
			return all, nil
		}
		if made, err = v.makeKeys(ctx, previous); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("no key was kept in %d attempts", maxMakes)
}

// newKey is a key that was made here: it need not be unwrapped if it is the one that is
// kept.
type newKey struct{ raw, wrapped []byte }

// makeKeys makes a key for each subject, on condition that its row is the previous one.
func (v *Vault) makeKeys(ctx context.Context, previous map[sealed.Ref]Row) (map[sealed.Ref]newKey, error) {
	var mu sync.Mutex
	made := make(map[sealed.Ref]newKey, len(previous))
	keys := make([]NewKey, 0, len(previous))
	group, ctx2 := errgroup.WithContext(ctx)
	group.SetLimit(unwrapping)
	for ref, row := range previous {
		group.Go(func() error {
			key, err := v.newKey(ctx2, purposeOf(ref, row.Generation+1), dataKeyBytes)
			mu.Lock()
			defer mu.Unlock()
			made[ref] = key
			keys = append(keys, NewKey{Ref: ref, Wrapped: key.wrapped, Previous: row})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return made, v.keys.Create(ctx, keys, v.now())
}

// purposeOf binds a wrapped key to its row.
func purposeOf(ref sealed.Ref, generation uint32) string {
	return fmt.Sprintf("%s.%d", ref, generation)
}

// unwrap opens the keys of rows, some of which may have been made here.
func (v *Vault) unwrap(
	ctx context.Context, rows map[sealed.Ref]Row, made map[sealed.Ref]newKey,
) (map[sealed.Ref]*dataKey, error) {
	var mu sync.Mutex
	opened := make(map[sealed.Ref]*dataKey, len(rows))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(unwrapping)
	for ref, row := range rows {
		if row.Wrapped == nil {
			continue
		}
		group.Go(func() error {
			raw := made[ref].raw
			if raw == nil || !bytes.Equal(made[ref].wrapped, row.Wrapped) {
				var err error
				if raw, err = v.wrapper.Unwrap(ctx, row.Wrapped, purposeOf(ref, row.Generation)); err != nil {
					return fmt.Errorf("open the key of data subject %s: %w", ref, err)
				}
			}
			key, err := newDataKey(raw)
			mu.Lock()
			defer mu.Unlock()
			opened[ref] = key
			return err
		})
	}
	return opened, group.Wait()
}

// seal replaces fields of an event's data.
func (h *held) seal(ref sealed.Ref, e *event.Event, fields []sealed.Field) error {
	data := make([]byte, 0, len(e.Data)+len(fields)*(2*padTo+64))
	at := 0
	for _, f := range fields {
		value := sealed.Value{Ref: ref, Generation: h.row.Generation}
		copy(value.Salt[:], mac(h.key.salts, e.Subject, e.Source, e.ID, e.Type, f.Path))
		box, err := h.key.box.EncryptDeterministically(padded(e.Data[f.Start:f.End]), value.Header())
		if err != nil {
			return err
		}
		value.Box = box
		data = append(data, e.Data[at:f.Start]...)
		data = value.AppendJSON(data)
		at = f.End
	}
	e.Data = string(append(data, e.Data[at:]...))
	return nil
}

func padded(text string) []byte {
	return []byte(text + strings.Repeat(" ", (padTo-len(text)%padTo)%padTo))
}
