package meter

import (
	"math/bits"
	"sync"
)

// Outstanding is the usage of a meter that nobody has taken yet. Concurrent calls
// of Take share it: each unit is taken once. Two Outstandings of one meter are
// independent: each hands out everything. A nil Outstanding is empty. It is safe for
// concurrent use.
type Outstanding struct {
	meter *Meter
	mu    sync.Mutex
	taken Snapshot
}

// NewOutstanding begins with everything that m has counted so far. With a nil meter
// it stays empty.
func NewOutstanding(m *Meter) *Outstanding {
	return &Outstanding{meter: m, taken: make(Snapshot)}
}

// Take returns, by part, the usage counted or given back since the last call,
// without the parts that have none.
func (o *Outstanding) Take() Snapshot {
	if o == nil {
		return Snapshot{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.meter.Snapshot()
	for part := range o.taken {
		if _, found := now[part]; !found {
			now[part] = Usage{} // given back to a part that the meter lacks
		}
	}
	fresh := now.Since(o.taken)
	o.taken = now
	return fresh
}

// GiveBack makes usage outstanding again that was taken but could not be stored.
func (o *Outstanding) GiveBack(unstored Snapshot) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for part, used := range unstored {
		o.taken[part] = o.taken[part].Sub(used)
	}
}

// Divide divides s by weights, in order. The shares add up to s: remainders, in
// thousandths of a unit, go to one of the shares. Neither usages nor weights may be
// negative. If all weights are 0, the shares are equal.
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

// even returns weights, or equal weights if all are 0.
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

// divide rounds the running total up to each share; a share is the difference of
// two totals.
func divide(whole counts, weights []int64) []counts {
	var sum, upTo int64
	for _, weight := range weights {
		sum += weight
	}
	shares := make([]counts, len(weights))
	var given counts
	for i, weight := range weights {
		upTo += weight
		for unit, n := range whole {
			hi, lo := bits.Mul64(uint64(max(n, 0)), uint64(upTo))
			quotient, _ := bits.Div64(hi, lo, uint64(sum)) // at most n, since upTo is at most sum
			reached := int64(quotient)
			shares[i][unit] = reached - given[unit]
			given[unit] = reached
		}
	}
	return shares
}
