package feed

import (
	"fmt"
	"regexp"
	"unicode/utf8"
)

// The limits of a record are those of Kinesis (PutRecord: 1 MiB, key of 256
// characters).
const (
	// MaxDataBytes bounds a record's data and key together.
	MaxDataBytes = 1 << 20
	MaxKeyBytes  = 256
	// MaxReadRecords bounds one Read, as GetRecords does.
	MaxReadRecords = 10_000
)

// The limits of a stream.
const (
	MaxNameBytes = 128
	MaxShards    = 4096
)

// names matches the names that Kinesis accepts for streams and gives to shards.
var names = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`)

// CheckName returns ErrLimit unless name can be the name of a stream or shard: up
// to MaxNameBytes letters, digits, '_', '.' and '-'.
func CheckName(name string) error {
	if len(name) > MaxNameBytes || !names.MatchString(name) {
		return fmt.Errorf("name %.140q: %w", name, ErrLimit)
	}
	return nil
}

// CheckStream returns ErrLimit unless a stream can be created.
func CheckStream(name string, shards int) error {
	if shards < 1 || shards > MaxShards {
		return fmt.Errorf("%d shards, 1 to %d are allowed: %w", shards, MaxShards, ErrLimit)
	}
	return CheckName(name)
}

// CheckRecord returns ErrLimit unless a record can be put.
func CheckRecord(key string, data []byte) error {
	if len(key) == 0 || len(key) > MaxKeyBytes {
		return fmt.Errorf("%w: key of %d bytes", ErrLimit, len(key))
	}
	if !utf8.ValidString(key) {
		return fmt.Errorf("%w: key is not UTF-8", ErrLimit)
	}
	if size := len(key) + len(data); size > MaxDataBytes {
		return fmt.Errorf("%w: key and data of %d bytes", ErrLimit, size)
	}
	return nil
}
