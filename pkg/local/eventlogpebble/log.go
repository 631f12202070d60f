package eventlogpebble

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/localstore"
)

// An entry's key is
//
//	e{lane}#{bucket}#{sort key}
//
// which orders a lane-bucket as DynamoDB does. Its value is the logged time as a
// varint, followed by the line. Entity and position are in the key only.
//
// The highest stored position of each lane-bucket is kept under
//
//	m{lane}#{bucket}#
//
// and written with the entries. Entries above it are new and need no lookup,
// which would cost more than the write. The pump puts positions in rising order,
// so it looks up only redelivered entries.
const (
	entryTag      = 'e'
	topTag        = 'm'
	quarantineTag = 'q'
	witnessTag    = 'w'
)

// Log is an eventlog.Log on the local store. It is safe for concurrent use.
type Log struct {
	space   *localstore.Space
	stripes *localstore.Stripes
}

var _ eventlog.Log = (*Log)(nil)

// New opens the log in space. Only one Log may use a space at a time.
func New(space *localstore.Space) *Log {
	return &Log{space: space, stripes: localstore.NewStripes()}
}

func bucketPrefix(lane event.Lane, bucket eventlog.Bucket) []byte {
	b := make([]byte, 0, 64)
	b = append(append(append(b, entryTag), lane.String()...), '#')
	return append(append(b, bucket...), '#')
}

// Put implements eventlog.Log. It stores all entries or none.
func (l *Log) Put(ctx context.Context, lane event.Lane, bucket eventlog.Bucket, entries []eventlog.Entry) error {
	if err := errors.Join(ctx.Err(), eventlog.CheckPut(bucket, entries)); err != nil {
		return fmt.Errorf("put entries: %w", err)
	}
	if len(entries) == 0 {
		return nil
	}
	prefix := bucketPrefix(lane, bucket)
	pending, known, err := l.apply(prefix, keyed(prefix, entries))
	if err != nil {
		return fmt.Errorf("put entries: %w", err)
	}
	if known {
		// The Put that stored the known entries may not have reached the disk yet.
		if err := l.space.Sync(); err != nil {
			return fmt.Errorf("put entries: %w", errors.Join(err, pending.Wait()))
		}
	}
	if err := pending.Wait(); err != nil {
		return fmt.Errorf("put entries: %w", err)
	}
	return nil
}

type keyedEntry struct {
	key   []byte
	entry *eventlog.Entry
}

// keyed returns the entries with their keys, in key order: the store writes them
// faster, and duplicates are adjacent.
func keyed(prefix []byte, entries []eventlog.Entry) []keyedEntry {
	size := 0
	for i := range entries {
		size += len(prefix) + len(entries[i].Entity) + 1 + len(entries[i].Position)
	}
	arena := make([]byte, 0, size) // escaped ids may outgrow it: earlier keys stay valid
	keys := make([]keyedEntry, len(entries))
	for i := range entries {
		e := &entries[i]
		from := len(arena)
		arena = append(append(arena, prefix...), event.EscapeEntity(e.Entity)...)
		arena = append(append(arena, '#'), e.Position...)
		keys[i] = keyedEntry{arena[from:len(arena):len(arena)], e}
	}
	slices.SortStableFunc(keys, func(a, b keyedEntry) int { return bytes.Compare(a.key, b.key) })
	return keys
}

// apply puts the new entries. known reports whether some were already stored.
func (l *Log) apply(prefix []byte, keys []keyedEntry) (pending localstore.Pending, known bool, err error) {
	defer l.stripes.Lock(prefix)()
	topKey := slices.Clone(prefix)
	topKey[0] = topTag
	stored, _, err := l.space.Get(topKey)
	if err != nil {
		return pending, false, err
	}
	top := event.Position(stored)
	pending, err = l.space.Apply(func(b *localstore.Batch) error {
		highest := top
		var value []byte
		for i, k := range keys {
			found, err := l.matches(keys[:i], k, top)
			if err != nil {
				return err
			}
			if found {
				known = true
				continue
			}
			value = appendValue(value[:0], k.entry)
			if err := b.Put(k.key, value); err != nil {
				return err
			}
			highest = max(highest, k.entry.Position)
		}
		if highest == top {
			return nil
		}
		return b.Put(topKey, []byte(highest))
	})
	return pending, known, err
}

// matches reports whether k is already stored, or precedes itself in the batch,
// with the same line. It fails with ErrChanged if the line differs. No entry
// above top is stored.
func (l *Log) matches(before []keyedEntry, k keyedEntry, top event.Position) (bool, error) {
	if n := len(before); n > 0 && bytes.Equal(k.key, before[n-1].key) {
		if !bytes.Equal(k.entry.Line, before[n-1].entry.Line) {
			return false, eventlog.ErrChanged
		}
		return true, nil
	}
	if k.entry.Position > top {
		return false, nil
	}
	return l.space.View(k.key, func(stored []byte) error {
		_, n := binary.Varint(stored)
		if n <= 0 || !bytes.Equal(stored[n:], k.entry.Line) {
			return eventlog.ErrChanged
		}
		return nil
	})
}

func appendValue(b []byte, e *eventlog.Entry) []byte {
	return append(binary.AppendVarint(b, e.Logged), e.Line...)
}

// Has implements eventlog.Log.
func (l *Log) Has(
	ctx context.Context, lane event.Lane, bucket eventlog.Bucket, entity string, at event.Position,
) (bool, error) {
	if err := errors.Join(ctx.Err(), bucket.Check()); err != nil {
		return false, fmt.Errorf("look up entry: %w", err)
	}
	if !eventlog.CanHave(entity, at) {
		return false, nil
	}
	key := append(bucketPrefix(lane, bucket), event.SortKey(entity, at)...)
	found, err := l.space.View(key, func([]byte) error { return nil })
	if err != nil {
		return false, fmt.Errorf("look up entry: %w", err)
	}
	return found, nil
}
