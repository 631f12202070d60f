package emulate

import "sync"

// tracker finds the last record up to which all records of a shard are done,
// although workers finish out of order. The workers' queues limit its size.
type tracker struct {
	mu      sync.Mutex
	order   []string
	ended   map[string]bool
	reached string
	moved   chan struct{} // reached has changed
}

func newTracker() *tracker {
	return &tracker{ended: make(map[string]bool), moved: make(chan struct{}, 1)}
}

// begin adds a record, in the order of the shard.
func (t *tracker) begin(sequence string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.order = append(t.order, sequence)
}

// end marks a record as done.
func (t *tracker) end(sequence string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended[sequence] = true
	n := 0
	for n < len(t.order) && t.ended[t.order[n]] {
		delete(t.ended, t.order[n])
		t.reached = t.order[n]
		n++
	}
	if n == 0 {
		return
	}
	t.order = append(t.order[:0], t.order[n:]...)
	t.touch()
}

// touch signals moved.
func (t *tracker) touch() {
	select {
	case t.moved <- struct{}{}:
	default:
	}
}

// done is the last record up to which all are done, "" at first.
func (t *tracker) done() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reached
}
