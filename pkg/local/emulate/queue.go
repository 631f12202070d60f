package emulate

import (
	"context"
	"sync"

	"reprise/pkg/feed"
)

// queue holds the records of a worker that are read and not in a batch yet. It is
// bounded by bytes, so that small records fill large batches. It has one reader
// and one writer.
type queue struct {
	mu      sync.Mutex
	records []feed.Record
	bytes   int
	// filled and taken signal that records came and went.
	filled, taken chan struct{}
}

func newQueue() *queue {
	return &queue{filled: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
}

// put waits until the record fits. A record always fits an empty queue.
func (q *queue) put(ctx context.Context, r feed.Record) error {
	for !q.add(r) {
		select {
		case <-q.taken:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	signal(q.filled)
	return nil
}

func (q *queue) add(r feed.Record) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.records); n > 0 && (n >= queueRecords || q.bytes+len(r.Data) > batchBytes) {
		return false
	}
	q.records = append(q.records, r)
	q.bytes += len(r.Data)
	return true
}

// take waits for a record and takes all that are queued, up to a batch.
func (q *queue) take(ctx context.Context) ([]feed.Record, error) {
	for {
		if batch := q.cut(); len(batch) > 0 {
			signal(q.taken)
			return batch, nil
		}
		select {
		case <-q.filled:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (q *queue) cut() []feed.Record {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.records), batchRecords)
	batch := q.records[:n:n]
	q.records = q.records[n:]
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
