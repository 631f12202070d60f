package datastore

import (
	"context"
	"errors"

	"reprise/pkg/event"
)

var (
	// ErrConflict says that a mark was moved by another consumer.
	ErrConflict = errors.New("changed by another consumer")
	// ErrNoMark says that a generation has no such mark. If it once had the
	// mark, the generation is lost.
	ErrNoMark = errors.New("generation has no such mark")
	// ErrNoGeneration says that the generation has no table.
	ErrNoGeneration = errors.New("generation does not exist")
	// ErrThrottled says that the store accepts no more at the moment: retry
	// later.
	ErrThrottled = errors.New("data store is throttled")
)

// MarkName names a consumer that keeps a mark in a generation.
type MarkName string

// The consumers of a generation.
const (
	// LiveMark is kept by the consumer of the event stream.
	LiveMark MarkName = "live"
	// ReplayMark is kept by the consumer of the owning replay's records.
	ReplayMark MarkName = "replay"
)

// MarkVersion identifies one state of a mark and is never reused for that mark;
// "" means that there is no mark.
type MarkVersion string

// RowWrite is a conditional write of a row.
type RowWrite struct {
	Row Row
	// Previous is the position that the stored row must have; "" requires that
	// there is no row.
	Previous event.Position
}

// Generation is one table of rows, marks and the identity index. Reads are
// strongly consistent, and writes are durable when they return. Methods are safe
// for concurrent use. Errors other than those named are faults of the store: a
// retry may help.
type Generation interface {
	// Rows returns the existing rows of a lane's entities, by entity; an invalid
	// entity id has no row. It returns ErrNoGeneration if the table is gone,
	// which it need not notice when entities is empty.
	Rows(ctx context.Context, lane event.Lane, entities []string) (map[string]Row, error)
	// WriteRows attempts every write, each on its own condition and in any
	// order, and returns the entities whose condition did not hold. ErrLimit
	// means that a write is invalid or names the same entity as another one;
	// nothing was written then.
	WriteRows(ctx context.Context, lane event.Lane, writes []RowWrite) (conflicts []string, err error)
	// Scan returns up to limit rows of a lane whose entities sort after the
	// given one, ascending by escaped entity id. A page also ends at PageBytes;
	// MoreRows tells whether there may be more. A limit below 1 returns none.
	Scan(ctx context.Context, lane event.Lane, after string, limit int) ([]Row, error)
	// Identify enters events of a lane into the identity index. For each event,
	// in the order given, it returns the entry that the index now holds for its
	// entity and key: the one with the lowest position ever entered. The order
	// of calls and repeated calls therefore make no difference. It takes at most
	// MaxBatch events, none with the same entity and key. Entries are durable
	// once a later WriteRows on the generation has returned; after an error any
	// part of them may be stored. It returns ErrNoGeneration if the table is gone.
	Identify(ctx context.Context, lane event.Lane, events []Identity) ([]Identity, error)
	// Parked is Scan for parked rows only; its cost does not grow with the
	// number of other rows. It omits rows parked by an earlier release that kept
	// no index of them; if Info.Indexed is set, there are none.
	Parked(ctx context.Context, lane event.Lane, after string, limit int) ([]Row, error)
	// Mark returns a mark, or ErrNoMark.
	Mark(ctx context.Context, name MarkName, lane event.Lane) (Mark, MarkVersion, error)
	// SetMark stores a mark if its version is previous ("" for none);
	// otherwise ErrConflict.
	SetMark(ctx context.Context, name MarkName, lane event.Lane, mark Mark, previous MarkVersion) (MarkVersion, error)
}

// Glancer is a Generation that can read rows at a lower price if they need not be the
// latest.
type Glancer interface {
	Generation
	// Glance is Rows, except that a row may be as it was some time ago, and a new row
	// may be missing. A WriteRows whose Previous comes from it is as safe as any other:
	// it is refused if the row has changed.
	Glance(ctx context.Context, lane event.Lane, entities []string) (map[string]Row, error)
}

// Recaller is a Generation whose identity index can be read, to be compared.
type Recaller interface {
	Generation
	// Identities calls visit for the entries of a lane's identity index, one at a time and
	// in any order, whose escaped entity id with a '#' behind lies between from and to, both
	// inclusive, where to ends with the '#'; "" is without a bound. It contains every entry whose Identify returned
	// before it began. It ends with the first error of visit, and returns that.
	Identities(ctx context.Context, lane event.Lane, from, to string, visit func(Identity) error) error
}

// Generations creates, opens and drops the tables. Methods are safe for
// concurrent use and idempotent. No generation exists, or can be created, under
// an id that CheckID refuses.
type Generations interface {
	// Create creates the table of a generation, empty and without marks, and
	// returns when it can be used. It leaves an existing table as it is.
	Create(ctx context.Context, id string) error
	// Open makes no call: a missing table is reported at the first use.
	Open(id string) Generation
	// Drop removes the table and its contents; a missing table is no error.
	Drop(ctx context.Context, id string) error
	// Clear removes all rows, marks and identities, but keeps the table. It
	// returns ErrNoGeneration if there is none.
	Clear(ctx context.Context, id string) error
	// List returns the ids of the tables that exist, ascending.
	List(ctx context.Context) ([]string, error)
	// Size returns about how many bytes a generation takes, as it was some hours ago at
	// most: 0 for a new one. It costs the same whatever the size, and returns
	// ErrNoGeneration if there is no table.
	Size(ctx context.Context, id string) (int64, error)
}
