package emulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/feed"
)

// TestQueueIsBoundedByBytes fills queues with records of several sizes and
// checks how many fit and in which batches they leave.
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
			batch, err := q.take(t.Context(), 0)
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
		if _, err := q.take(ended, 0); !errors.Is(err, context.Canceled) || q.bytes != 0 {
			t.Errorf("%d bytes are left: %v", q.bytes, err)
		}
	}
}

// TestBatchGathersTheRecordsOfItsWindow sends records at given times, in
// milliseconds, to the queue of a worker whose batches take no time.
func TestBatchGathersTheRecordsOfItsWindow(t *testing.T) {
	for _, c := range []struct {
		window time.Duration
		sent   []int
		want   string
	}{
		{0, []int{0, 0, 400}, "[2 at 0s 1 at 400ms]"},
		{time.Second, []int{0, 400, 999, 1001, 1500, 5000}, "[3 at 1s 2 at 2.001s 1 at 6s]"},
		{time.Second, slices.Repeat([]int{0}, batchRecords+2), "[500 at 0s 2 at 1s]"},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			q := newQueue()
			begun := time.Now()
			go func() {
				for _, at := range c.sent {
					time.Sleep(time.Duration(at)*time.Millisecond - time.Since(begun))
					if err := q.put(ctx, feed.Record{}); err != nil {
						t.Error(err)
					}
				}
			}()
			synctest.Wait()
			var have []string
			for left := len(c.sent); left > 0; {
				batch, err := q.take(ctx, c.window)
				if err != nil {
					t.Fatal(err)
				}
				left -= len(batch)
				have = append(have, fmt.Sprintf("%d at %v", len(batch), time.Since(begun)))
			}
			if fmt.Sprint(have) != c.want {
				t.Errorf("with a window of %v: %v, want %s", c.window, have, c.want)
			}
		})
	}
}
