package event

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrEntity is the error of a text that can be no entity's id.
var ErrEntity = errors.New("not an entity id")

// CheckEntity returns ErrEntity unless id can be the id of an entity: it is not
// empty, is UTF-8, and takes at most MaxEntityKeyBytes in a key. What is not
// UTF-8 would be stored as another id by whatever writes JSON.
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
