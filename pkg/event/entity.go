package event

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrEntity is the error of text that cannot be an entity's id.
var ErrEntity = errors.New("not an entity id")

// CheckEntity returns ErrEntity unless id can be the id of an entity: not empty,
// UTF-8, and at most MaxEntityKeyBytes in a key. JSON encoders would store an id
// that is not UTF-8 as a different id.
func CheckEntity(id string) error {
	if id == "" {
		return fmt.Errorf("empty: %w", ErrEntity)
	}
	if n := escapedLen(id); n > MaxEntityKeyBytes {
		return fmt.Errorf("%d bytes in a key, %d are allowed: %w", n, MaxEntityKeyBytes, ErrEntity)
	}
	if !utf8.ValidString(id) {
		return fmt.Errorf("%q is not UTF-8: %w", clip(id), ErrEntity)
	}
	return nil
}
