package emulate

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/feed"
)

// TestBatchGathersTheRecordsOfItsWindow sends records at given times, in
// milliseconds, to a worker whose batches take no time.
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
			w := &worker{mapping: &Mapping{Window: c.window}, queue: make(chan feed.Record, len(c.sent))}
			begun := time.Now()
			go func() {
				for _, at := range c.sent {
					time.Sleep(time.Duration(at)*time.Millisecond - time.Since(begun))
					w.queue <- feed.Record{}
				}
			}()
			synctest.Wait()
			var have []string
			for left := len(c.sent); left > 0; {
				batch, err := w.next(ctx)
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
