package asltest

import (
	"slices"
	"sort"
	"sync"

	"reprise/pkg/asl/journal"
)

// Memory is a journal in memory. It remembers every write, so that a test can
// open the journal as it was after any of them. The zero value is ready to use.
type Memory struct {
	mu     sync.Mutex
	keys   []string
	values map[string][]byte
	log    [][]journal.Op
	synced int
	// Forget makes the journal forget its past writes.
	Forget bool
	fail   error
}

// Break makes every later write and sync fail with err.
func (m *Memory) Break(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// Write applies the operations.
func (m *Memory) Write(ops []journal.Op) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	for _, op := range ops {
		m.apply(op)
	}
	if !m.Forget {
		m.log = append(m.log, slices.Clone(ops))
	}
	return nil
}

func (m *Memory) apply(op journal.Op) {
	at, found := slices.BinarySearch(m.keys, op.Key)
	switch {
	case op.Until != "":
		to := sort.SearchStrings(m.keys, op.Until)
		if to <= at {
			return
		}
		for _, key := range m.keys[at:to] {
			delete(m.values, key)
		}
		m.keys = slices.Delete(m.keys, at, to)
	case op.Value == nil:
		if found {
			delete(m.values, op.Key)
			m.keys = slices.Delete(m.keys, at, at+1)
		}
	default:
		if m.values == nil {
			m.values = map[string][]byte{}
		}
		if !found {
			m.keys = slices.Insert(m.keys, at, op.Key)
		}
		m.values[op.Key] = slices.Clone(op.Value)
	}
}

// Sync marks everything written as durable.
func (m *Memory) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.synced = len(m.log)
	return nil
}

// Get returns the value of a key.
func (m *Memory) Get(key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, found := m.values[key]
	return value, found, nil
}

// Scan visits the keys that exist when it is called.
func (m *Memory) Scan(lower, upper string, visit func(string, []byte) (bool, error)) error {
	m.mu.Lock()
	from, to := sort.SearchStrings(m.keys, lower), sort.SearchStrings(m.keys, upper)
	keys := slices.Clone(m.keys[from:max(from, to)])
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i] = m.values[key]
	}
	m.mu.Unlock()
	for i, key := range keys {
		more, err := visit(key, values[i])
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// Writes is the number of remembered writes, and how many of them the last Sync
// made durable.
func (m *Memory) Writes() (all, synced int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.log), m.synced
}

// AsOf returns a journal with the first n writes, as after a crash right after
// the n-th.
func (m *Memory) AsOf(n int) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	past := &Memory{}
	for _, ops := range m.log[:n] {
		for _, op := range ops {
			past.apply(op)
		}
		past.log = append(past.log, ops)
	}
	past.synced = n
	return past
}

// Keys lists the keys.
func (m *Memory) Keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.keys)
}
