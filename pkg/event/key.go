package event

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrKey is the error of text that is not an escaped entity id or sort key.
var ErrKey = errors.New("not an event key")

// EscapeEntity writes an entity id for use in keys: '%', '#' and control
// characters become %XX. In a key '#' ends the id, so no id followed by '#' can
// be a prefix of another id's key.
func EscapeEntity(id string) string {
	n := escapedLen(id)
	if n == len(id) {
		return id
	}
	b := make([]byte, 0, n)
	for i := range len(id) {
		if c := id[i]; mustEscape(c) {
			const hex = "0123456789ABCDEF"
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

func mustEscape(c byte) bool { return c == '%' || c == '#' || c < 0x20 || c == 0x7f }

func escapedLen(id string) int {
	n := len(id)
	for i := range len(id) {
		if mustEscape(id[i]) {
			n += 2
		}
	}
	return n
}

// UnescapeEntity is the inverse of EscapeEntity. It refuses what EscapeEntity
// does not write.
func UnescapeEntity(escaped string) (string, error) {
	if strings.IndexByte(escaped, '%') < 0 {
		if escapedLen(escaped) != len(escaped) {
			return "", fmt.Errorf("unescape %q: %w", clip(escaped), ErrKey)
		}
		return escaped, nil
	}
	b := make([]byte, 0, len(escaped))
	for i := 0; i < len(escaped); i++ {
		c := escaped[i]
		if c == '%' {
			if i+2 >= len(escaped) {
				return "", fmt.Errorf("unescape %q: %w", clip(escaped), ErrKey)
			}
			c = unhex(escaped[i+1])<<4 | unhex(escaped[i+2])
			i += 2
		}
		b = append(b, c)
	}
	if id := string(b); EscapeEntity(id) == escaped {
		return id, nil
	}
	return "", fmt.Errorf("unescape %q: %w", clip(escaped), ErrKey)
}

// unhex returns the value of a hexadecimal digit, 0 for any other byte.
func unhex(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case isHex(c):
		return c | 0x20 - 'a' + 10
	}
	return 0
}

// SortKey is the sort key of an event in its lane's bucket, where the events of an
// entity are adjacent and in position order.
func SortKey(entity string, at Position) string {
	return EscapeEntity(entity) + "#" + string(at)
}

// ParseSortKey splits a sort key. It returns ErrKey for text that SortKey does not
// write for a non-empty id.
func ParseSortKey(key string) (entity string, at Position, err error) {
	escaped, position, found := strings.Cut(key, "#")
	if !found || escaped == "" {
		return "", "", fmt.Errorf("parse sort key %q: %w", clip(key), ErrKey)
	}
	if entity, err = UnescapeEntity(escaped); err != nil {
		return "", "", err
	}
	if at, err = ParsePosition(position); err != nil {
		return "", "", fmt.Errorf("parse sort key: %w: %w", ErrKey, err)
	}
	return entity, at, nil
}

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
