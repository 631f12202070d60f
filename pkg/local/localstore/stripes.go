package localstore

import (
	"hash/maphash"
	"slices"
	"sync"
)

// stripeCount is the number of locks that keys share.
const stripeCount = 256

// Stripes are locks for compare-and-swap on keys: a key always takes the same
// lock, and different keys rarely share one. NewStripes makes them.
type Stripes struct {
	seed  maphash.Seed
	locks [stripeCount]sync.Mutex
}

// NewStripes returns unlocked stripes.
func NewStripes() *Stripes { return &Stripes{seed: maphash.MakeSeed()} }

// Lock locks one key and returns the function that unlocks it.
func (s *Stripes) Lock(key []byte) (unlock func()) {
	lock := &s.locks[s.index(key)]
	lock.Lock()
	return lock.Unlock
}

func (s *Stripes) index(key []byte) int { return int(maphash.Bytes(s.seed, key) % stripeCount) }

// LockAll locks all of keys, in the same order for all callers, and returns the
// function that unlocks them.
func (s *Stripes) LockAll(keys [][]byte) (unlock func()) {
	indexes := make([]int, 0, len(keys))
	for _, key := range keys {
		indexes = append(indexes, s.index(key))
	}
	slices.Sort(indexes)
	indexes = slices.Compact(indexes)
	for _, i := range indexes {
		s.locks[i].Lock()
	}
	return func() {
		for _, i := range indexes {
			s.locks[i].Unlock()
		}
	}
}
