package meter

import (
	"maps"
	"math"
	"sync"
	"sync/atomic"
)

// Unit is something that AWS charges for.
type Unit int

// The units.
const (
	// WriteUnits are DynamoDB write request units, of 1 KB each.
	WriteUnits Unit = iota
	// ReadUnits are DynamoDB read request units, of 4 KB each; an eventually
	// consistent read takes half of them.
	ReadUnits
	// PutUnits are Kinesis PUT payload units, of 25 KB each.
	PutUnits
	// Transitions are state transitions of Step Functions.
	Transitions
	units
)

// Meter holds the counters of a platform's parts. The zero value is ready for use.
// It is safe for concurrent use.
type Meter struct {
	mu    sync.Mutex
	parts map[string]*Counter
}

// Part returns the counter of a part, such as "log" or "control", and creates it
// on the first call. A nil Meter returns nil, which counts nothing.
func (m *Meter) Part(name string) *Counter {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c, found := m.parts[name]
	if !found {
		c = new(Counter)
		if m.parts == nil {
			m.parts = make(map[string]*Counter)
		}
		m.parts[name] = c
	}
	return c
}

// Snapshot returns the usage so far.
func (m *Meter) Snapshot() Snapshot {
	s := make(Snapshot)
	if m == nil {
		return s
	}
	m.mu.Lock()
	parts := maps.Clone(m.parts)
	m.mu.Unlock()
	for name, c := range parts {
		s[name] = c.Usage()
	}
	return s
}

// Counter counts the units of one part. A nil Counter counts nothing. Counting
// is one atomic addition; methods are safe for concurrent use.
type Counter struct{ counts [units]atomic.Int64 }

// perUnit is the resolution of counters: an eventually consistent read costs half a
// unit.
const perUnit = 1000

// Add counts n units.
func (c *Counter) Add(unit Unit, n float64) {
	if c != nil {
		c.counts[unit].Add(int64(math.Round(n * perUnit)))
	}
}

// Usage returns the usage so far.
func (c *Counter) Usage() Usage {
	if c == nil {
		return Usage{}
	}
	var n counts
	for unit := range n {
		n[unit] = c.counts[unit].Load()
	}
	return usageOf(n)
}

// counts are thousandths of each unit.
type counts [units]int64

func (u Usage) counts() counts {
	n := func(f float64) int64 { return int64(math.Round(f * perUnit)) }
	return counts{
		WriteUnits:  n(u.WriteUnits),
		ReadUnits:   n(u.ReadUnits),
		PutUnits:    n(u.PutUnits),
		Transitions: n(u.Transitions),
	}
}

func usageOf(c counts) Usage {
	n := func(unit Unit) float64 { return float64(c[unit]) / perUnit }
	return Usage{WriteUnits: n(WriteUnits), ReadUnits: n(ReadUnits), PutUnits: n(PutUnits), Transitions: n(Transitions)}
}

// Usage is the number used of each unit.
type Usage struct {
	WriteUnits  float64 `json:"writeUnits,omitempty"`
	ReadUnits   float64 `json:"readUnits,omitempty"`
	PutUnits    float64 `json:"putUnits,omitempty"`
	Transitions float64 `json:"transitions,omitempty"`
}

// Add returns u + other, exact to a thousandth of a unit, so that sums can be
// compared.
func (u Usage) Add(other Usage) Usage {
	a, b := u.counts(), other.counts()
	for unit := range a {
		a[unit] += b[unit]
	}
	return usageOf(a)
}

// Sub returns u − other.
func (u Usage) Sub(other Usage) Usage {
	return u.Add(Usage{-other.WriteUnits, -other.ReadUnits, -other.PutUnits, -other.Transitions})
}

// Snapshot is the usage of each part at one time.
type Snapshot map[string]Usage

// Total is the usage of all parts.
func (s Snapshot) Total() Usage {
	var total Usage
	for _, u := range s {
		total = total.Add(u)
	}
	return total
}

// Since returns the usage after earlier, without the parts that used nothing.
func (s Snapshot) Since(earlier Snapshot) Snapshot {
	used := make(Snapshot)
	for name, u := range s {
		if d := u.Sub(earlier[name]); d != (Usage{}) {
			used[name] = d
		}
	}
	return used
}
