package refold

import (
	"context"
	"errors"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// ErrFull says that a Scratch holds as much as it may. A retry needs fewer entities.
var ErrFull = errors.New("too many entities to fold in memory at once")

// errScratch is the error of what a generation in memory does not have.
var errScratch = errors.New("a generation in memory has rows and identities only")

// Scratch is a generation in memory. It has rows and an identity index, and no marks.
// It is for one goroutine; the zero value is empty and holds any number of rows.
type Scratch struct {
	// MaxBytes bounds about what it takes, 0 for no bound: what would exceed it fails
	// with ErrFull.
	MaxBytes int64
	// Repeats, if it is set, knows which events are repeated, and no identities are kept
	// in memory.
	Repeats *Repeats

	used int64
	rows map[string]datastore.Row
	seen map[datastore.IdentityKey]seen
}

// seen is an entry of the identity index.
type seen struct {
	at      event.Position
	content uint64
}

const (
	// rowBytes and identityBytes are about what a row without its state, and an
	// identity, take in memory.
	rowBytes      = 600
	identityBytes = 200
)

// Row returns the row of an entity, nil if it has none.
func (s *Scratch) Row(entity string) *datastore.Row {
	row, found := s.rows[entity]
	if !found {
		return nil
	}
	return &row
}

// First returns the first event with an identity, and whether there is one.
func (s *Scratch) First(key datastore.IdentityKey) (first datastore.Identity, found bool) {
	known, found := s.seen[key]
	return datastore.Identity{Entity: key.Entity, Key: key.Key, Position: known.at, Content: known.content}, found
}

// Known counts the identities of each entity.
func (s *Scratch) Known() map[string]int64 {
	counts := make(map[string]int64)
	for key := range s.seen {
		counts[key.Entity]++
	}
	return counts
}

// Rows implements datastore.Generation.
func (s *Scratch) Rows(_ context.Context, _ event.Lane, entities []string) (map[string]datastore.Row, error) {
	found := make(map[string]datastore.Row, len(entities))
	for _, entity := range entities {
		if row, exists := s.rows[entity]; exists {
			found[entity] = row
		}
	}
	return found, nil
}

// WriteRows implements datastore.Generation. No other consumer writes, so no condition
// fails.
func (s *Scratch) WriteRows(_ context.Context, _ event.Lane, writes []datastore.RowWrite) ([]string, error) {
	if s.rows == nil {
		s.rows = make(map[string]datastore.Row)
	}
	for i := range writes {
		row := &writes[i].Row
		old, exists := s.rows[row.Entity]
		s.used += sizeOf(row)
		if exists {
			s.used -= sizeOf(&old)
		}
		if s.full() {
			return nil, ErrFull
		}
		s.rows[row.Entity] = *row
	}
	return nil, nil
}

func (s *Scratch) full() bool { return s.MaxBytes > 0 && s.used > s.MaxBytes }

func sizeOf(row *datastore.Row) int64 {
	const bucketBytes = 32
	return rowBytes + int64(len(row.State)+len(row.Filter)+bucketBytes*len(row.Buckets))
}

// Identify implements datastore.Generation.
func (s *Scratch) Identify(
	_ context.Context, _ event.Lane, events []datastore.Identity,
) ([]datastore.Identity, error) {
	first := make([]datastore.Identity, len(events))
	if s.Repeats != nil {
		for i, e := range events {
			first[i] = s.Repeats.first(e)
		}
		return first, nil
	}
	if s.seen == nil {
		s.seen = make(map[datastore.IdentityKey]seen)
	}
	for i, e := range events {
		known, found := s.seen[e.IndexKey()]
		if !found {
			s.used += identityBytes
		}
		if s.full() {
			return nil, ErrFull
		}
		if !found || e.Position < known.at {
			known = seen{e.Position, e.Content}
			s.seen[e.IndexKey()] = known
		}
		first[i] = datastore.Identity{Entity: e.Entity, Key: e.Key, Position: known.at, Content: known.content}
	}
	return first, nil
}

// Scan implements datastore.Generation. It always fails.
func (s *Scratch) Scan(context.Context, event.Lane, string, int) ([]datastore.Row, error) {
	return nil, errScratch
}

// Parked implements datastore.Generation. It always fails.
func (s *Scratch) Parked(context.Context, event.Lane, string, int) ([]datastore.Row, error) {
	return nil, errScratch
}

// Mark implements datastore.Generation. It always fails.
func (s *Scratch) Mark(
	context.Context, datastore.MarkName, event.Lane,
) (datastore.Mark, datastore.MarkVersion, error) {
	return datastore.Mark{}, "", errScratch
}

// SetMark implements datastore.Generation. It always fails.
func (s *Scratch) SetMark(
	context.Context, datastore.MarkName, event.Lane, datastore.Mark, datastore.MarkVersion,
) (datastore.MarkVersion, error) {
	return "", errScratch
}
