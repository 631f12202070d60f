package personal

import (
	"context"
	"errors"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/personal/sealed"
)

// The limits of an erasure's remarks, in bytes.
const (
	MaxReasonBytes = 1000
	MaxWhoBytes    = 200
)

// maxErasures bounds the erasures that a subject's row keeps: the latest.
const maxErasures = 20

// MaxWrappedBytes bounds a wrapped key.
const MaxWrappedBytes = 1024

// Erasure is what is kept of the destruction of a key.
type Erasure struct {
	// Generation is that of the destroyed key.
	Generation uint32    `json:"generation"`
	At         time.Time `json:"at"`
	Who        string    `json:"who,omitempty"`
	Reason     string    `json:"reason"`
}

// Row is what is stored of a data subject.
type Row struct {
	// Version is that of the stored row, for a conditional write.
	Version control.Version
	// Generation is that of the latest key, from 1.
	Generation uint32
	// Wrapped is that key, as a Wrapper has wrapped it; nil once it is destroyed.
	Wrapped []byte
	Created time.Time
	// Erasures are the latest, oldest first.
	Erasures []Erasure
	// Unfinished is set while an erasure has begun and the bytes of the key may be stored
	// still. Nothing can be read with it any more.
	Unfinished bool
}

// ErasedAt returns when the key of a generation was destroyed, if it was.
func (r *Row) ErasedAt(generation uint32) (at time.Time, erased bool) {
	if generation > r.Generation || (generation == r.Generation && r.Wrapped != nil) {
		return time.Time{}, false
	}
	for _, e := range r.Erasures {
		if e.Generation == generation {
			return e.At, true
		}
	}
	if len(r.Erasures) > 0 { // too long ago to be kept
		at = r.Erasures[0].At
	}
	return at, true
}

// NewKey is a key to be stored as the subject's next.
type NewKey struct {
	Ref     sealed.Ref
	Wrapped []byte
	// Previous is the row as it was read, zero for none. It must have no key.
	Previous Row
}

// Keys stores the wrapped keys of data subjects. Every read is strongly consistent; every
// write is durable when it returns. Methods are safe for concurrent use, also of several
// processes. Errors other than those named are faults of the store: a retry may help, and
// a write that failed with one may still have happened.
type Keys interface {
	// Load returns the rows that exist.
	Load(ctx context.Context, refs []sealed.Ref) (map[sealed.Ref]Row, error)
	// Create stores keys, each on condition that the subject's row is the previous one.
	// Of several writers one succeeds: those who read afterwards find its key. It fails
	// for none of those that were too late.
	Create(ctx context.Context, keys []NewKey, now time.Time) error
	// Erase destroys the key of a subject and keeps the erasure, whose generation it
	// sets. Once it returns, no file or table of the store has the key's bytes; if it is
	// interrupted, the key is either untouched, or readers cannot get it any more, and
	// the next call or Finish completes the erasure. Errors: ErrNoKey.
	Erase(ctx context.Context, ref sealed.Ref, e Erasure) (Row, error)
	// Finish completes the erasures that were interrupted.
	Finish(ctx context.Context) error
}

// ErrNoKey means that the platform has no key of a data subject: nothing was ever sealed
// for it, or all of it is erased.
var ErrNoKey = errors.New("no key of this data subject")

// Wrapper encrypts keys, under a key of its own that never leaves it. It is safe for
// concurrent use.
type Wrapper interface {
	// Wrap encrypts a key of at most 64 bytes. Only Unwrap with the same purpose opens it.
	Wrap(ctx context.Context, key []byte, purpose string) ([]byte, error)
	// Unwrap decrypts a key. Errors: ErrUnwrap.
	Unwrap(ctx context.Context, wrapped []byte, purpose string) ([]byte, error)
}

// ErrUnwrap means that a key was wrapped under another key or for another purpose, or was
// damaged. Retrying cannot help.
var ErrUnwrap = errors.New("the key was not wrapped by this master key")
