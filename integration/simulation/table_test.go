package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"reprise/pkg/control"
)

// errThrottled is the control table's throttle, which has no error of its own.
var errThrottled = errors.New("simulated throttle")

// document is a stored body with its version.
type document struct {
	body    []byte
	version control.Version
}

// tableState is the control table. Only the scheduler touches it.
type tableState struct {
	world   *world
	stored  map[control.Key]document
	version int
}

// table is the control table as one actor sees it.
type table struct {
	actor *actor
	state *tableState
}

func (w *world) tableOf(a *actor) control.Table { return table{a, w.table} }

// who is the table's actor or, without one, the caller's.
func (t table) who(ctx context.Context) *actor {
	if t.actor != nil {
		return t.actor
	}
	return actorOf(ctx)
}

// Get implements control.Table.
func (t table) Get(ctx context.Context, key control.Key) (doc control.Document, err error) {
	err = t.who(ctx).do(ctx, "table.get", key.Partition+"/"+key.Sort, errThrottled, func(fate) error {
		doc, err = t.state.get(key)
		return err
	})
	return doc, err
}

// GetAll implements control.Table.
func (t table) GetAll(ctx context.Context, keys []control.Key) (docs []control.Document, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	err = t.who(ctx).do(ctx, "table.getall", keys[0].Partition+"/"+keys[0].Sort, errThrottled, func(fate) error {
		docs = t.state.getAll(keys)
		return nil
	})
	if err != nil {
		docs = nil
	}
	return docs, err
}

// Put implements control.Table.
func (t table) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (version control.Version, err error) {
	err = t.who(ctx).do(ctx, "table.put", key.Partition+"/"+key.Sort, errThrottled, func(fate) error {
		version, err = t.state.put(t.who(ctx), control.Write{Key: key, Body: body, Previous: previous})
		return err
	})
	return version, err
}

// PutAll implements control.Table.
func (t table) PutAll(ctx context.Context, writes []control.Write) (results []error, err error) {
	if len(writes) == 0 {
		return nil, nil
	}
	key := writes[0].Key
	err = t.who(ctx).do(ctx, "table.putall", key.Partition+"/"+key.Sort, errThrottled, func(f fate) error {
		for _, write := range writes {
			var result error
			if f.partly() {
				_, result = t.state.put(t.who(ctx), write)
			}
			results = append(results, result)
		}
		return nil
	})
	return results, err
}

// Delete implements control.Table.
func (t table) Delete(ctx context.Context, key control.Key, previous control.Version) error {
	return t.who(ctx).do(ctx, "table.delete", key.Partition+"/"+key.Sort, errThrottled, func(fate) error {
		stored, found := t.state.stored[key]
		switch {
		case !found:
			return control.ErrNotFound
		case stored.version != previous:
			return control.ErrConflict
		}
		delete(t.state.stored, key)
		return nil
	})
}

// List implements control.Table.
func (t table) List(ctx context.Context, partition, after string, limit int) (docs []control.Document, err error) {
	err = t.who(ctx).do(ctx, "table.list", partition+"/"+after, errThrottled, func(fate) error {
		docs = t.state.list(partition, after, limit)
		return nil
	})
	if err != nil {
		docs = nil
	}
	return docs, err
}

func (s *tableState) get(key control.Key) (control.Document, error) {
	stored, found := s.stored[key]
	if !found {
		return control.Document{}, control.ErrNotFound
	}
	return control.Document{Key: key, Version: stored.version, Body: slices.Clone(stored.body)}, nil
}

func (s *tableState) getAll(keys []control.Key) (docs []control.Document) {
	for _, key := range keys {
		if doc, err := s.get(key); err == nil {
			docs = append(docs, doc)
		}
	}
	return docs
}

func (s *tableState) list(partition, after string, limit int) (docs []control.Document) {
	for key, stored := range s.stored {
		if key.Partition == partition && key.Sort > after {
			docs = append(docs, control.Document{Key: key, Version: stored.version, Body: slices.Clone(stored.body)})
		}
	}
	slices.SortFunc(docs, func(a, b control.Document) int { return strings.Compare(a.Sort, b.Sort) })
	return docs[:min(limit, len(docs))]
}

// put is the only write; a is the writer.
func (s *tableState) put(a *actor, write control.Write) (control.Version, error) {
	if s.stored[write.Key].version != write.Previous {
		return "", control.ErrConflict
	}
	s.version++
	next := document{slices.Clone(write.Body), control.Version(fmt.Sprintf("v%d", s.version))}
	s.stored[write.Key] = next
	s.world.sawDocument(a, write.Key, next.body)
	return next.version, nil
}

// peek reads the control table for the model, in the middle of a call and
// without the gate.
type peek struct{ state *tableState }

var errPeeking = errors.New("the model only looks")

// Get implements control.Table.
func (p peek) Get(_ context.Context, key control.Key) (control.Document, error) {
	return p.state.get(key)
}

// GetAll implements control.Table.
func (p peek) GetAll(_ context.Context, keys []control.Key) ([]control.Document, error) {
	return p.state.getAll(keys), nil
}

// List implements control.Table.
func (p peek) List(_ context.Context, partition, after string, limit int) ([]control.Document, error) {
	return p.state.list(partition, after, limit), nil
}

// Put implements control.Table.
func (p peek) Put(context.Context, control.Key, []byte, control.Version) (control.Version, error) {
	return "", errPeeking
}

// PutAll implements control.Table.
func (p peek) PutAll(context.Context, []control.Write) ([]error, error) { return nil, errPeeking }

// Delete implements control.Table.
func (p peek) Delete(context.Context, control.Key, control.Version) error { return errPeeking }
