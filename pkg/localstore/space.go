package localstore

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Space is a part of the database in which every key begins with the space's
// name and a zero byte. It is safe for concurrent use.
type Space struct {
	db     *pebble.DB
	prefix []byte
}

// Get returns a copy of the value of key, and false where there is none.
func (s *Space) Get(key []byte) ([]byte, bool, error) {
	value, closer, err := s.db.Get(s.key(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read key: %w", err)
	}
	defer func() { _ = closer.Close() }()
	return bytes.Clone(value), true, nil
}

// Write applies the operations that fill puts into a batch, all or none, and
// returns once they are on disk.
func (s *Space) Write(fill func(*Batch) error) error {
	return s.write(fill, pebble.Sync)
}

// WriteLazily is Write without waiting for the disk: a crash may lose it, but
// never without also losing everything written after it. A later Write makes
// it durable.
func (s *Space) WriteLazily(fill func(*Batch) error) error {
	return s.write(fill, pebble.NoSync)
}

func (s *Space) write(fill func(*Batch) error, how *pebble.WriteOptions) error {
	batch := &Batch{space: s, batch: s.db.NewBatch()}
	defer func() { _ = batch.batch.Close() }()
	if err := fill(batch); err != nil {
		return err
	}
	if batch.batch.Empty() {
		return nil
	}
	if err := batch.batch.Commit(how); err != nil {
		return fmt.Errorf("commit batch: %w", err)
	}
	return nil
}

// Scan calls visit for every key from lower (inclusive) to upper (exclusive,
// nil for the end of the space) in order, until visit returns false. The
// slices are valid during the call only. A scan sees one point in time.
func (s *Space) Scan(lower, upper []byte, visit func(key, value []byte) (bool, error)) error {
	bounds := &pebble.IterOptions{LowerBound: s.key(lower), UpperBound: s.upper(upper)}
	iter, err := s.db.NewIter(bounds)
	if err != nil {
		return fmt.Errorf("open iterator: %w", err)
	}
	defer func() { _ = iter.Close() }()
	for valid := iter.First(); valid; valid = iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return fmt.Errorf("read value: %w", err)
		}
		more, err := visit(iter.Key()[len(s.prefix):], value)
		if err != nil {
			return err
		}
		if !more {
			return nil
		}
	}
	if err := iter.Error(); err != nil {
		return fmt.Errorf("scan keys: %w", err)
	}
	return nil
}

// Last returns copies of the last key and value below upper that are not below
// lower, and false where there is none.
func (s *Space) Last(lower, upper []byte) (key, value []byte, found bool, err error) {
	bounds := &pebble.IterOptions{LowerBound: s.key(lower), UpperBound: s.upper(upper)}
	iter, err := s.db.NewIter(bounds)
	if err != nil {
		return nil, nil, false, fmt.Errorf("open iterator: %w", err)
	}
	defer func() { _ = iter.Close() }()
	if !iter.Last() {
		return nil, nil, false, iter.Error()
	}
	v, err := iter.ValueAndErr()
	if err != nil {
		return nil, nil, false, fmt.Errorf("read value: %w", err)
	}
	return bytes.Clone(iter.Key()[len(s.prefix):]), bytes.Clone(v), true, nil
}

// Batch collects operations on one space.
type Batch struct {
	space *Space
	batch *pebble.Batch
}

// Put sets key to value.
func (b *Batch) Put(key, value []byte) error { return b.batch.Set(b.space.key(key), value, nil) }

// Delete removes key, which need not exist.
func (b *Batch) Delete(key []byte) error { return b.batch.Delete(b.space.key(key), nil) }

// DeleteRange removes the keys from lower (inclusive) to upper (exclusive, nil
// for the end of the space).
func (b *Batch) DeleteRange(lower, upper []byte) error {
	return b.batch.DeleteRange(b.space.key(lower), b.space.upper(upper), nil)
}

func (s *Space) key(key []byte) []byte {
	full := make([]byte, 0, len(s.prefix)+len(key))
	return append(append(full, s.prefix...), key...)
}

func (s *Space) upper(upper []byte) []byte {
	if upper != nil {
		return s.key(upper)
	}
	return PrefixEnd(s.prefix)
}

// PrefixEnd returns the smallest key that is above every key with the prefix,
// or nil where there is none.
func PrefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			end := bytes.Clone(prefix[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}
