package meter

import (
	"math/bits"
	"sync"
)

// Outstanding is what a meter has counted and nobody has taken yet. Each unit is
// taken once, however many take at a time. Two Outstandings of one meter know
// nothing of each other: each hands out everything. A nil one has nothing. It is
// safe for concurrent use.
type Outstanding struct {
	meter *Meter
	mu    sync.Mutex
	taken Snapshot
}

// NewOutstanding begins with all that m has counted so far. A nil meter has
// nothing outstanding ever.
func NewOutstanding(m *Meter) *Outstanding {
	return &Outstanding{meter: m, taken: make(Snapshot)}
}

// Take returns what was counted since the last call, by part, and what was
// given back meanwhile. Parts that have nothing are left out.
func (o *Outstanding) Take() Snapshot {
	if o == nil {
		return Snapshot{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.meter.Snapshot()
	for part := range o.taken {
		if _, found := now[part]; !found {
			now[part] = Usage{} // given back under a name that the meter does not have
		}
	}
	fresh := now.Since(o.taken)
	o.taken = now
	return fresh
}

// GiveBack makes what was taken outstanding again, because keeping it failed.
func (o *Outstanding) GiveBack(unkept Snapshot) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for part, used := range unkept {
		o.taken[part] = o.taken[part].Sub(used)
	}
}

// Divide divides a usage by weights, in order, so that the shares add up to all
// of it: what does not come out even, in thousandths of a unit, goes to one of the
// shares. Neither usages nor weights are negative; weights that are all 0 count
// as equal.
func (s Snapshot) Divide(weights []int64) []Snapshot {
	shares := make([]Snapshot, len(weights))
	for i := range shares {
		shares[i] = make(Snapshot, len(s))
	}
	for part, used := range s {
		for i, share := range divide(used.counts(), even(weights)) {
			shares[i][part] = usageOf(share)
		}
	}
	return shares
}

// even replaces weights that are all 0.
func even(weights []int64) []int64 {
	for _, weight := range weights {
		if weight > 0 {
			return weights
		}
	}
	ones := make([]int64, len(weights))
	for i := range ones {
		ones[i] = 1
	}
	return ones
}

// divide gives each share what the rounded whole of the shares up to it has
// beyond those before it.
func divide(whole counts, weights []int64) []counts {
	var all, upTo int64
	for _, weight := range weights {
		all += weight
	}
	shares := make([]counts, len(weights))
	var given counts
	for i, weight := range weights {
		upTo += weight
		for unit, n := range whole {
			hi, lo := bits.Mul64(uint64(max(n, 0)), uint64(upTo))
			quotient, _ := bits.Div64(hi, lo, uint64(all)) // at most n, since upTo is at most all
			reached := int64(quotient)
			shares[i][unit] = reached - given[unit]
			given[unit] = reached
		}
	}
	return shares
}
