package emulate

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"reprise/pkg/feed"
)

// TestQueueIsBoundedByBytes fills queues with records of several sizes, and looks
// how many fit and in which batches they leave.
func TestQueueIsBoundedByBytes(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct{ size, fit int }{
		{1, queueRecords},
		{batchBytes / 100, 100},
		{batchBytes, 1},
		{2 * batchBytes, 1},
	} {
		q := newQueue()
		for i := range c.fit {
			if err := q.put(t.Context(), feed.Record{Sequence: strconv.Itoa(i), Data: make([]byte, c.size)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.put(ended, feed.Record{Data: make([]byte, c.size)}); !errors.Is(err, context.Canceled) {
			t.Errorf("more than %d records of %d bytes fit: %v", c.fit, c.size, err)
		}
		for next := 0; next < c.fit; {
			batch, err := q.take(t.Context())
			if err != nil || len(batch) == 0 || len(batch) > batchRecords {
				t.Fatalf("%d records, %v", len(batch), err)
			}
			for _, r := range batch {
				if r.Sequence != strconv.Itoa(next) {
					t.Fatalf("record %s, want %d", r.Sequence, next)
				}
				next++
			}
		}
		if _, err := q.take(ended); !errors.Is(err, context.Canceled) || q.bytes != 0 {
			t.Errorf("%d bytes are left: %v", q.bytes, err)
		}
	}
}
