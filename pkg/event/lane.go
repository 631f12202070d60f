package event

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
)

// MaxLanes is the largest number of lanes that a log can have.
const MaxLanes = 1024

// ErrLanes is the error of an invalid lane count.
var ErrLanes = errors.New("the number of lanes must be a power of two from 1 to 1024")

// Lane is a fixed slice of the entity-id hash space, from 0.
type Lane int

// String returns the lane as keys spell it: four decimal digits.
func (l Lane) String() string { return fmt.Sprintf("%04d", int(l)) }

// AllLanes returns the lanes below count, ascending.
func AllLanes(count int) []Lane {
	lanes := make([]Lane, count)
	for i := range lanes {
		lanes[i] = Lane(i)
	}
	return lanes
}

// Lanes is the division of the hash space, fixed for the life of a log. It is
// safe for concurrent use.
type Lanes struct {
	bits int
	keys []string
}

// NewLanes divides the hash space into count lanes.
func NewLanes(count int) (*Lanes, error) {
	if count < 1 || count > MaxLanes || bits.OnesCount(uint(count)) != 1 {
		return nil, fmt.Errorf("divide into %d: %w", count, ErrLanes)
	}
	l := &Lanes{bits: bits.TrailingZeros(uint(count)), keys: make([]string, count)}
	for i := range l.keys {
		l.keys[i] = l.findKey(Lane(i))
	}
	return l, nil
}

// Count is the number of lanes.
func (l *Lanes) Count() int { return len(l.keys) }

// Of returns the lane of an entity: the top bits of the SHA-256 of its id, which
// any language can compute in one line.
func (l *Lanes) Of(entity string) Lane {
	var b [128]byte // large enough for most ids, to avoid allocations
	sum := sha256.Sum256(append(b[:0], entity...))
	return Lane(l.top(sum[:]))
}

func (l *Lanes) top(hash []byte) int {
	return int(binary.BigEndian.Uint64(hash) >> 1 >> (63 - l.bits))
}

// Key returns the partition key of all the lane's records. Kinesis places a
// record by the MD5 of its partition key; this key's MD5 lies in the lane's slice
// of that hash range, so that every lane lies in one shard.
func (l *Lanes) Key(lane Lane) string { return l.keys[lane] }

// ParseKey returns the lane of a partition key that Key returned.
func (l *Lanes) ParseKey(key string) (Lane, error) {
	if len(key) >= 4 {
		n, err := strconv.Atoi(key[:4])
		if err == nil && n >= 0 && n < len(l.keys) && l.keys[n] == key {
			return Lane(n), nil
		}
	}
	return 0, fmt.Errorf("partition key %q belongs to no lane of %d", clip(key), len(l.keys))
}

func (l *Lanes) findKey(lane Lane) string {
	key := []byte(lane.String() + "-")
	for suffix := int64(0); ; suffix++ {
		key = strconv.AppendInt(key[:len("0000-")], suffix, 10)
		sum := md5.Sum(key)
		if l.top(sum[:]) == int(lane) {
			return string(key)
		}
	}
}
