package control

import (
	"fmt"
	"unicode/utf8"
)

// Check returns ErrLimit unless k can name a document.
func (k Key) Check() error {
	for _, part := range []string{k.Partition, k.Sort} {
		if err := checkPart(part); err != nil {
			return err
		}
	}
	return nil
}

func checkPart(part string) error {
	if n := len(part); n == 0 || n > MaxKeyBytes {
		return fmt.Errorf("%w: part of a key has %d bytes", ErrLimit, n)
	}
	if !utf8.ValidString(part) {
		return fmt.Errorf("%w: key is not UTF-8", ErrLimit)
	}
	return nil
}

// CheckRange returns ErrLimit unless partition and after are valid for List.
func CheckRange(partition, after string) error {
	if err := checkPart(partition); err != nil || after == "" {
		return err
	}
	return checkPart(after)
}

// Check returns ErrLimit unless w can be written.
func (w Write) Check() error {
	if len(w.Body) > MaxBodyBytes {
		return fmt.Errorf("%w: body of %d bytes", ErrLimit, len(w.Body))
	}
	return w.Key.Check()
}

// CheckWrites returns ErrLimit unless writes can be one call of PutAll.
func CheckWrites(writes []Write) error {
	if len(writes) > MaxBatch {
		return fmt.Errorf("%w: %d writes", ErrLimit, len(writes))
	}
	seen := make(map[Key]bool, len(writes))
	for _, w := range writes {
		if err := w.Check(); err != nil {
			return err
		}
		if seen[w.Key] {
			return fmt.Errorf("%w: document %s/%s is given twice", ErrLimit, w.Partition, w.Sort)
		}
		seen[w.Key] = true
	}
	return nil
}

// Distinct returns keys without repetitions, or ErrLimit unless they can be one
// call of GetAll.
func Distinct(keys []Key) ([]Key, error) {
	if len(keys) > MaxBatch {
		return nil, fmt.Errorf("%w: %d keys", ErrLimit, len(keys))
	}
	seen := make(map[Key]bool, len(keys))
	distinct := make([]Key, 0, len(keys))
	for _, key := range keys {
		if err := key.Check(); err != nil {
			return nil, err
		}
		if !seen[key] {
			seen[key] = true
			distinct = append(distinct, key)
		}
	}
	return distinct, nil
}
