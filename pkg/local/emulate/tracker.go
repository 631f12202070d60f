package emulate

import (
	"sync"
	"time"

	"reprise/pkg/feed"
)

// tracker finds the last record up to which all records of a shard are done,
// although workers finish out of order. The workers' queues limit its size.
type tracker struct {
	mu    sync.Mutex
	order []begun
	ended map[string]bool
	// failing counts the workers whose function did not do its last batch.
	failing int
	reached string
	moved   chan struct{} // reached has changed
}

func newTracker() *tracker {
	return &tracker{ended: make(map[string]bool), moved: make(chan struct{}, 1)}
}

// begun is a record that is read and may not be done.
type begun struct {
	sequence string
	arrival  time.Time
}

// begin adds a record, in the order of the shard.
func (t *tracker) begin(r feed.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.order = append(t.order, begun{r.Sequence, r.Arrival})
}

// fail counts a worker that begins to fail (1), or no longer does (-1).
func (t *tracker) fail(change int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failing += change
}

// lag is the age of the oldest record that is not done, 0 if there is none or a
// worker fails.
func (t *tracker) lag(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.order) == 0 || t.failing > 0 {
		return 0
	}
	return max(0, now.Sub(t.order[0].arrival))
}

// end marks a record as done.
func (t *tracker) end(sequence string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended[sequence] = true
	n := 0
	for n < len(t.order) && t.ended[t.order[n].sequence] {
		delete(t.ended, t.order[n].sequence)
		t.reached = t.order[n].sequence
		n++
	}
	if n == 0 {
		return
	}
	t.order = t.order[n:]
	signal(t.moved)
}

// done is the last record up to which all are done, "" at first.
func (t *tracker) done() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reached
}
