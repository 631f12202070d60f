package datastore

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"reprise/pkg/event"
)

// The limits of a generation's contents and of calls.
const (
	// MaxRowBytes bounds Row.Bytes, to stay below DynamoDB's 400 KB an item.
	MaxRowBytes = 380 << 10
	// MaxPlaceBytes bounds a mark's place.
	MaxPlaceBytes = 64 << 10
	// MaxBatch bounds the entities or rows of one call.
	MaxBatch = 4096
	// MaxIDBytes bounds a generation's id.
	MaxIDBytes = 200
)

// ErrLimit says that an id, a row, a mark or a call is invalid or exceeds a
// limit. A retry cannot help.
var ErrLimit = errors.New("data store limit exceeded")

// ids matches what every store accepts in a table's name.
var ids = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`)

// CheckID returns ErrLimit unless id can name a generation: up to
// MaxIDBytes letters, digits, '_', '.' and '-'.
func CheckID(id string) error {
	if len(id) > MaxIDBytes || !ids.MatchString(id) {
		return fmt.Errorf("generation id %.80q: %w", id, ErrLimit)
	}
	return nil
}

// Bytes is the size of a row that MaxRowBytes limits, independent of the store:
// its texts and byte slices, and an upper bound for everything else.
func (r *Row) Bytes() int {
	const others, perBucket = 128, 2
	n := others + len(event.EscapeEntity(r.Entity)) + len(r.Position) + len(r.State) + len(r.Filter) +
		len(r.Projection) + len(r.Version) + len(r.Replay)
	for _, bucket := range r.Buckets {
		n += len(bucket) + perBucket
	}
	if p := r.Parked; p != nil {
		n += len(p.Position) + len(p.Type) + len(p.Reason) + len(p.Bucket)
		if p.Again != nil {
			n += len(p.Again.After) + len(p.Again.Bucket)
		}
	}
	return n
}

// CheckWrites returns ctx's error, or ErrLimit unless one call of WriteRows can
// take writes: at most MaxBatch rows of at most MaxRowBytes, with valid entity
// ids, each only once.
func CheckWrites(ctx context.Context, writes []RowWrite) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(writes) > MaxBatch {
		return fmt.Errorf("%d rows, at most %d are allowed: %w", len(writes), MaxBatch, ErrLimit)
	}
	seen := make(map[string]bool, len(writes))
	for i := range writes {
		row := &writes[i].Row
		if err := event.CheckEntity(row.Entity); err != nil {
			return fmt.Errorf("row: %w: %w", ErrLimit, err)
		}
		if seen[row.Entity] {
			return fmt.Errorf("entity %.80q is given twice: %w", row.Entity, ErrLimit)
		}
		seen[row.Entity] = true
		if n := row.Bytes(); n > MaxRowBytes {
			return fmt.Errorf("row of %d bytes, at most %d are allowed: %w", n, MaxRowBytes, ErrLimit)
		}
	}
	return nil
}

// Distinct returns the valid entity ids among entities, each once. It returns
// ctx's error, or ErrLimit for more than MaxBatch entities.
func Distinct(ctx context.Context, entities []string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(entities) > MaxBatch {
		return nil, fmt.Errorf("%d entities, at most %d are allowed: %w", len(entities), MaxBatch, ErrLimit)
	}
	seen := make(map[string]bool, len(entities))
	distinct := make([]string, 0, len(entities))
	for _, entity := range entities {
		if !seen[entity] && event.CheckEntity(entity) == nil {
			seen[entity] = true
			distinct = append(distinct, entity)
		}
	}
	return distinct, nil
}

// CheckAfter returns ErrLimit unless Scan can continue after that entity.
func CheckAfter(after string) error {
	if after == "" {
		return nil
	}
	if err := event.CheckEntity(after); err != nil {
		return fmt.Errorf("continue after: %w: %w", ErrLimit, err)
	}
	return nil
}

// Check returns ErrLimit unless m can be stored.
func (m *Mark) Check() error {
	if n := len(m.Place); n > MaxPlaceBytes {
		return fmt.Errorf("place of %d bytes, at most %d are allowed: %w", n, MaxPlaceBytes, ErrLimit)
	}
	return nil
}
