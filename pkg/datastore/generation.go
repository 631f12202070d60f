package datastore

import (
	"context"
	"errors"

	"reprise/pkg/event"
)

var (
	// ErrConflict says that a mark was moved by another consumer.
	ErrConflict = errors.New("changed by another consumer")
	// ErrNoMark says that a generation has no such mark: where the mark once
	// was, the generation is lost.
	ErrNoMark = errors.New("generation has no such mark")
	// ErrNoGeneration says that there is no table of that generation.
	ErrNoGeneration = errors.New("generation does not exist")
	// ErrThrottled says that the store takes no more at present: retry after a
	// pause.
	ErrThrottled = errors.New("data store is throttled")
)

// MarkName tells apart the consumers that keep a mark in a generation.
type MarkName string

// The consumers of a generation.
const (
	// LiveMark is kept by the consumer of the event stream.
	LiveMark MarkName = "live"
	// ReplayMark is kept by the consumer of the owner replay's records.
	ReplayMark MarkName = "replay"
)

// MarkVersion names one state of a mark; "" means that there is none. It is
// never used again for the same mark.
type MarkVersion string

// RowWrite replaces a row on a condition.
type RowWrite struct {
	Row Row
	// Previous is the position that the stored row must have; "" means that
	// there must be no row.
	Previous event.Position
}

// Generation is one table of rows, marks and the identity index. Reads are strongly consistent;
// writes are durable when they return. Methods are safe for concurrent use.
// Errors other than those named are faults of the store: a retry may help.
type Generation interface {
	// Rows returns the rows that exist among entities of a lane, by entity; a
	// text that can be no entity's id has none. ErrNoGeneration where the table
	// is gone; where nothing is asked for, nothing need be looked at.
	Rows(ctx context.Context, lane event.Lane, entities []string) (map[string]Row, error)
	// WriteRows attempts every write, each on its own condition and in no
	// order, and returns the entities whose condition did not hold. With
	// ErrLimit, for one that cannot be or stands twice, nothing was written.
	WriteRows(ctx context.Context, lane event.Lane, writes []RowWrite) (conflicts []string, err error)
	// Scan returns up to limit rows of a lane with entities above after,
	// ascending by escaped entity id. Fewer than limit means that there are no
	// more; a limit below 1 gives none.
	Scan(ctx context.Context, lane event.Lane, after string, limit int) ([]Row, error)
	// Identify enters events of a lane into the identity index and returns for
	// each, in the order given, what the index holds under its entity and key
	// from then on: the one with the lowest position that was ever entered. So
	// repeating a call, whole or in part, changes nothing, and no order of calls
	// does. At most MaxBatch of them, and no entity and key twice. What was
	// entered is durable once a later WriteRows on the generation has returned;
	// after an error any part of it may be entered. ErrNoGeneration where the
	// table is gone.
	Identify(ctx context.Context, lane event.Lane, events []Identity) ([]Identity, error)
	// Parked is as Scan, of the rows that are parked alone: what it reads does
	// not grow with the others. Rows that were parked by a release which kept
	// no index of them are left out; Info.Indexed says where there are none.
	Parked(ctx context.Context, lane event.Lane, after string, limit int) ([]Row, error)
	// Mark returns a mark, or ErrNoMark.
	Mark(ctx context.Context, name MarkName, lane event.Lane) (Mark, MarkVersion, error)
	// SetMark stores a mark if its version is previous ("" for none);
	// otherwise ErrConflict.
	SetMark(ctx context.Context, name MarkName, lane event.Lane, mark Mark, previous MarkVersion) (MarkVersion, error)
}

// Generations creates, opens and drops the tables. Methods are safe for
// concurrent use and idempotent. An id that CheckID refuses cannot be created
// and does not exist.
type Generations interface {
	// Create makes the table of a generation, empty and without marks, and
	// returns when it can be used. Where it exists it is left as it is.
	Create(ctx context.Context, id string) error
	// Open makes no call: a missing table shows at the first use.
	Open(id string) Generation
	// Drop removes the table with all it holds; no error where there is none.
	Drop(ctx context.Context, id string) error
	// Clear removes all rows, marks and identities, but keeps the table.
	// ErrNoGeneration where there is none.
	Clear(ctx context.Context, id string) error
	// List returns the ids of the tables that exist, ascending.
	List(ctx context.Context) ([]string, error)
}
