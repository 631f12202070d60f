package emulate

import "sync"

// tracker knows up to which record a shard is done, although its workers finish
// out of order. What is under way is bounded by the workers' queues.
type tracker struct {
	mu      sync.Mutex
	order   []string
	ended   map[string]bool
	reached string
	// moved has a token once reached has changed.
	moved chan struct{}
}

func newTracker() *tracker {
	return &tracker{ended: make(map[string]bool), moved: make(chan struct{}, 1)}
}

// begin notes a record in the order of the shard.
func (t *tracker) begin(sequence string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.order = append(t.order, sequence)
}

// end notes that a record need not come again.
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

// touch puts a token into moved.
func (t *tracker) touch() {
	select {
	case t.moved <- struct{}{}:
	default:
	}
}

// done is the last record before which nothing is under way, "" at first.
func (t *tracker) done() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reached
}
