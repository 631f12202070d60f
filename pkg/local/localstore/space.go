package localstore

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// Space is the part of the database whose keys begin with the space's name and a
// zero byte. It is safe for concurrent use.
//
// A read may see a write shortly before it is on disk. A later write that depends
// on it follows it in the one write-ahead log, so no crash keeps the later write
// and loses the earlier one.
type Space struct {
	db     *DB
	prefix []byte
}

// Get returns a copy of the value of key, or false if there is none.
func (s *Space) Get(key []byte) (value []byte, found bool, err error) {
	found, err = s.View(key, func(v []byte) error {
		value = bytes.Clone(v)
		return nil
	})
	return value, found, err
}

// View calls visit with the value of key, which is valid only during the call,
// or returns false if there is none.
func (s *Space) View(key []byte, visit func(value []byte) error) (bool, error) {
	value, closer, err := s.db.db.Get(s.key(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, readError("read key", err)
	}
	defer func() { _ = closer.Close() }()
	return true, visit(value)
}

// Scan calls visit for every key from lower (inclusive) to upper (exclusive,
// nil for the end of the space) in order, until visit returns false. The slices
// are valid only during the call. A scan reads one snapshot.
func (s *Space) Scan(lower, upper []byte, visit func(key, value []byte) (bool, error)) error {
	iter, err := s.iterate(lower, upper)
	if err != nil {
		return err
	}
	defer func() { _ = iter.Close() }()
	for valid := iter.First(); valid; valid = iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return readError("read value", err)
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
		return readError("scan keys", err)
	}
	return nil
}

// Last returns copies of the last key and value below upper (nil for the end
// of the space) that are not below lower, or false if there are none.
func (s *Space) Last(lower, upper []byte) (key, value []byte, found bool, err error) {
	iter, err := s.iterate(lower, upper)
	if err != nil {
		return nil, nil, false, err
	}
	defer func() { _ = iter.Close() }()
	if !iter.Last() {
		if err := iter.Error(); err != nil {
			return nil, nil, false, readError("find last key", err)
		}
		return nil, nil, false, nil
	}
	v, err := iter.ValueAndErr()
	if err != nil {
		return nil, nil, false, readError("read value", err)
	}
	return bytes.Clone(iter.Key()[len(s.prefix):]), bytes.Clone(v), true, nil
}

// Size returns about how many bytes of the disk the keys from lower (inclusive) to upper
// (exclusive, nil for the end of the space) take.
func (s *Space) Size(lower, upper []byte) (int64, error) {
	size, err := s.db.db.EstimateDiskUsage(s.key(lower), s.upper(upper))
	if err != nil {
		return 0, readError("measure keys", err)
	}
	return int64(size), nil
}

func (s *Space) iterate(lower, upper []byte) (*pebble.Iterator, error) {
	bounds := &pebble.IterOptions{LowerBound: s.key(lower), UpperBound: s.upper(upper)}
	iter, err := s.db.db.NewIter(bounds)
	if err != nil {
		return nil, readError("open iterator", err)
	}
	return iter, nil
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
// or nil if there is none.
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
