package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// maxUpdates bounds the attempts of Update: this many conflicts in a row mean a
// livelock, which must become visible.
const maxUpdates = 64

func decode[T any](doc *Document) (value T, err error) {
	if err := json.Unmarshal(doc.Body, &value); err != nil {
		return value, fmt.Errorf("decode document %s/%s: %w", doc.Partition, doc.Sort, err)
	}
	return value, nil
}

// Load returns the decoded document under key with its version, or ErrNotFound.
func Load[T any](ctx context.Context, t Table, key Key) (T, Version, error) {
	doc, err := t.Get(ctx, key)
	if err != nil {
		var zero T
		return zero, "", err
	}
	value, err := decode[T](&doc)
	return value, doc.Version, err
}

// Store encodes value and puts it if the stored version is previous.
func Store[T any](ctx context.Context, t Table, key Key, value T, previous Version) (Version, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("encode document %s/%s: %w", key.Partition, key.Sort, err)
	}
	return t.Put(ctx, key, body, previous)
}

var errUnchanged = errors.New("unchanged")

// Unchanged is the error with which change ends an Update without a write and
// without an error.
func Unchanged() error { return errUnchanged }

// Update reads the document under key (the zero value if there is none), calls
// change to edit it, stores it, and returns it. On a conflict it starts again. An
// error of change ends it and is returned.
func Update[T any](ctx context.Context, t Table, key Key, change func(value *T, exists bool) error) (T, error) {
	for range maxUpdates {
		value, version, err := Load[T](ctx, t, key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return value, err
		}
		if err := change(&value, version != ""); errors.Is(err, errUnchanged) {
			return value, nil
		} else if err != nil {
			return value, err
		}
		_, err = Store(ctx, t, key, value, version)
		if !errors.Is(err, ErrConflict) {
			return value, err
		}
		if err := ctx.Err(); err != nil {
			return value, err
		}
	}
	var zero T
	return zero, fmt.Errorf("update document %s/%s: %w", key.Partition, key.Sort, ErrConflict)
}

// Each calls visit for every document of a partition in order, page by page.
func Each[T any](ctx context.Context, t Table, partition, after string, visit func(sort string, value T) error) error {
	const page = 500
	for {
		docs, err := t.List(ctx, partition, after, page)
		if err != nil {
			return err
		}
		for i := range docs {
			value, err := decode[T](&docs[i])
			if err != nil {
				return err
			}
			if err := visit(docs[i].Sort, value); err != nil {
				return err
			}
			after = docs[i].Sort
		}
		if len(docs) < page {
			return nil
		}
	}
}

// LoadAll calls visit for every decoded document that exists among keys, in
// any order.
func LoadAll[T any](ctx context.Context, t Table, keys []Key, visit func(Key, T)) error {
	docs, err := t.GetAll(ctx, keys)
	if err != nil {
		return err
	}
	for i := range docs {
		value, err := decode[T](&docs[i])
		if err != nil {
			return err
		}
		visit(docs[i].Key, value)
	}
	return nil
}
