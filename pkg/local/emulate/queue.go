package emulate

import (
	"context"
	"sync"
	"time"

	"reprise/pkg/feed"
)

// queue holds the records of a worker that are read and not in a batch yet. It is
// bounded by bytes, so that small records fill large batches. It has one reader
// and one writer.
type queue struct {
	mu      sync.Mutex
	records []feed.Record
	bytes   int
	// full means that a record did not fit.
	full bool
	// filled signals that a record came or did not fit, taken that records went.
	filled, taken chan struct{}
}

func newQueue() *queue {
	return &queue{filled: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
}

// put waits until the record fits. A record always fits an empty queue.
func (q *queue) put(ctx context.Context, r feed.Record) error {
	for {
		fits := q.add(r)
		signal(q.filled)
		if fits {
			return nil
		}
		select {
		case <-q.taken:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (q *queue) add(r feed.Record) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.records); n > 0 && (n >= queueRecords || q.bytes+len(r.Data) > batchBytes) {
		q.full = true
		return false
	}
	q.records = append(q.records, r)
	q.bytes += len(r.Data)
	return true
}

// take waits for a record, and then for a whole batch until the window is over. It
// takes all that are queued, up to a batch.
func (q *queue) take(ctx context.Context, window time.Duration) ([]feed.Record, error) {
	if err := q.await(ctx, 1, nil); err != nil {
		return nil, err
	}
	if window > 0 {
		timer := time.NewTimer(window)
		defer timer.Stop()
		if err := q.await(ctx, batchRecords, timer.C); err != nil {
			return nil, err
		}
	}
	batch := q.cut()
	signal(q.taken)
	return batch, nil
}

// await waits until n records are queued, no more fit, or it is over.
func (q *queue) await(ctx context.Context, n int, over <-chan time.Time) error {
	for !q.holds(n) {
		select {
		case <-q.filled:
		case <-over:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (q *queue) holds(n int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.full || len(q.records) >= n
}

func (q *queue) cut() []feed.Record {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.records), batchRecords)
	batch := q.records[:n:n]
	q.records, q.full = q.records[n:], false
	for i := range batch {
		q.bytes -= len(batch[i].Data)
	}
	return batch
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
