package control

import (
	"context"
	"errors"
)

// The limits of a document.
const (
	// MaxBodyBytes bounds a body, under DynamoDB's 400 KB item.
	MaxBodyBytes = 256 << 10
	// MaxKeyBytes bounds each part of a key.
	MaxKeyBytes = 900
	// MaxBatch bounds the keys or writes of one call.
	MaxBatch = 4096
)

var (
	// ErrNotFound means that there is no document under a key.
	ErrNotFound = errors.New("document not found")
	// ErrConflict means that the document's version is not the one given: read
	// again, decide again, then retry.
	ErrConflict = errors.New("document was changed by another writer")
	// ErrLimit means that a key, body or batch exceeds its limit. Retrying cannot
	// help.
	ErrLimit = errors.New("document passes a limit")
)

// Key names a document. Both parts are non-empty UTF-8; every method returns
// ErrLimit for any other key.
type Key struct{ Partition, Sort string }

// Version identifies one state of a document. Versions are opaque and never used
// again for the same key, even after a deletion; "" means that there is no
// document.
type Version string

// Document is a stored body with its key and version.
type Document struct {
	Key
	Version Version
	Body    []byte
}

// Write is one conditional change of PutAll.
type Write struct {
	Key
	Body []byte
	// Previous is the version that must be stored; "" means that there must be
	// no document.
	Previous Version
}

// Table is the contract. Every read is strongly consistent; every write is
// durable when it returns. Methods are safe for concurrent use. Errors other than
// those named are faults of the store: a retry may help, and a write that failed
// with one may still have happened.
type Table interface {
	// Get returns a document, or ErrNotFound.
	Get(ctx context.Context, key Key) (Document, error)
	// GetAll returns the documents that exist among keys, in any order, each once
	// even if its key is repeated.
	GetAll(ctx context.Context, keys []Key) ([]Document, error)
	// Put stores body and returns the new version, or returns ErrConflict if the
	// stored version is not previous ("" for no document).
	Put(ctx context.Context, key Key, body []byte, previous Version) (Version, error)
	// PutAll attempts every write, each on its own condition and in any order. The
	// error at an index is nil or ErrConflict. If the second result is ErrLimit,
	// as for a repeated key, nothing was written; if it is any other error, any of
	// the writes may or may not have happened.
	PutAll(ctx context.Context, writes []Write) ([]error, error)
	// Delete removes a document. It returns ErrNotFound if there is none, and
	// ErrConflict if its version is not previous.
	Delete(ctx context.Context, key Key, previous Version) error
	// List returns up to limit documents of a partition with sort keys above after
	// ("" for all, else UTF-8 of at most MaxKeyBytes), ascending. Fewer than limit
	// mean that there are no more; a limit below 1 returns none.
	List(ctx context.Context, partition, after string, limit int) ([]Document, error)
}
