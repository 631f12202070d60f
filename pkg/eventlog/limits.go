package eventlog

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"reprise/pkg/event"
)

// The limits of an entry, to stay below DynamoDB's 400 KB an item and 1,024 bytes
// a sort key.
const (
	// MaxLineBytes bounds a line: the largest event with its attributes escaped.
	MaxLineBytes = 320 << 10
	// MaxAfterBytes bounds the sort key after which a read continues.
	MaxAfterBytes = 1024
)

// ErrLimit says that an entry, a bucket or a key is invalid or exceeds a limit. A
// retry cannot help.
var ErrLimit = errors.New("event log limit exceeded")

// Check returns ErrLimit unless e can be stored: an entry with an invalid entity
// id or position would make its whole lane-bucket unreadable.
func (e *Entry) Check() error {
	if err := event.CheckEntity(e.Entity); err != nil {
		return fmt.Errorf("entry: %w: %w", ErrLimit, err)
	}
	if err := checkPosition(e.Position); err != nil {
		return fmt.Errorf("entry: %w", err)
	}
	if n := len(e.Line); n > MaxLineBytes {
		return fmt.Errorf("entry with a line of %d bytes, at most %d are allowed: %w", n, MaxLineBytes, ErrLimit)
	}
	return nil
}

func checkPosition(at event.Position) error {
	if _, err := event.ParsePosition(string(at)); err != nil {
		return fmt.Errorf("%w: %w", ErrLimit, err)
	}
	return nil
}

// Check returns ErrLimit unless b names a bucket.
func (b Bucket) Check() error {
	if _, err := time.Parse(bucketLayout, string(b)); err != nil {
		return fmt.Errorf("bucket %.40q: %w", string(b), ErrLimit)
	}
	return nil
}

// CheckPut returns ErrLimit unless all entries can be put into bucket.
func CheckPut(bucket Bucket, entries []Entry) error {
	if err := bucket.Check(); err != nil {
		return err
	}
	for i := range entries {
		if err := entries[i].Check(); err != nil {
			return err
		}
	}
	return nil
}

// CheckRead returns ErrLimit unless bucket can be read after the key after.
func CheckRead(bucket Bucket, after string) error {
	if err := bucket.Check(); err != nil {
		return err
	}
	return checkAfter(after)
}

// CheckList returns ErrLimit unless a quarantine can be listed after a position.
func CheckList(after event.Position) error { return checkAfter(string(after)) }

func checkAfter(after string) error {
	if len(after) > MaxAfterBytes || !utf8.ValidString(after) {
		return fmt.Errorf("continue after %.40q: %w", after, ErrLimit)
	}
	return nil
}

// Check returns ErrLimit unless q can be stored.
func (q *Quarantined) Check() error {
	if err := checkPosition(q.Position); err != nil {
		return fmt.Errorf("quarantined record: %w", err)
	}
	return nil
}

// CanHave reports whether an entry can exist for an entity and a position.
func CanHave(entity string, at event.Position) bool {
	return event.CheckEntity(entity) == nil && checkPosition(at) == nil
}
