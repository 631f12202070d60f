package feedpebble_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/event"
	"reprise/pkg/feed"
	"reprise/pkg/local/feedpebble"
)

const shard0 = "shardId-000000000000"

// clock is a time that tests set.
type clock struct{ millis atomic.Int64 }

func (c *clock) now() time.Time { return time.UnixMilli(c.millis.Load()) }

func newStream(t testing.TB, streams *feedpebble.Streams, shards int) *feedpebble.Stream {
	t.Helper()
	if _, err := streams.Create(t.Context(), "events", shards); err != nil {
		t.Fatal(err)
	}
	return streams.Stream("events")
}

func put(t testing.TB, stream feed.Stream, n int) (sequences []string) {
	t.Helper()
	for i := range n {
		sequence, err := stream.Put(t.Context(), fmt.Sprint("key", i), []byte(fmt.Sprint("data", i)))
		if err != nil {
			t.Fatal(err)
		}
		sequences = append(sequences, sequence)
	}
	return sequences
}

func read(t testing.TB, stream feed.Stream, start feed.Start, limit int) feed.Batch {
	t.Helper()
	it, err := stream.Iterator(t.Context(), shard0, start)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := stream.Read(t.Context(), it, limit)
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

func TestBehindComesFromArrivals(t *testing.T) {
	clock := new(clock)
	clock.millis.Store(1_000)
	_, streams := openStreams(t, vfs.NewMem(), clock.now)
	stream := newStream(t, streams, 1)
	put(t, stream, 1)
	clock.millis.Store(61_000)
	put(t, stream, 1)
	if batch := read(t, stream, feed.Start{}, 1); batch.Behind != time.Minute {
		t.Fatalf("behind by %v, want a minute", batch.Behind)
	}
	if batch := read(t, stream, feed.Start{}, 2); batch.Behind != 0 {
		t.Fatalf("behind by %v at the tip", batch.Behind)
	}
}

// TestArrivalNeverGoesBack sets the clock back: times are found by binary
// search, which needs ascending arrivals.
func TestArrivalNeverGoesBack(t *testing.T) {
	clock := new(clock)
	s, streams := openStreams(t, vfs.NewMem(), clock.now)
	stream := newStream(t, streams, 1)
	for _, at := range []int64{1_000, 5_000, 2_000, 3_000, 6_000} {
		clock.millis.Store(at)
		put(t, stream, 1)
	}
	s.Close()
	clock.millis.Store(100)
	stream = s.Reopen().Stream("events")
	put(t, stream, 1)
	var have []int64
	for _, record := range read(t, stream, feed.Start{}, 10).Records {
		have = append(have, record.Arrival.UnixMilli())
	}
	if fmt.Sprint(have) != "[1000 5000 5000 5000 6000 6000]" {
		t.Fatalf("arrivals %v", have)
	}
	clock.millis.Store(7_000) // a future time would be refused
	for at, want := range map[int64]int{1: 6, 1_000: 6, 1_001: 5, 5_000: 5, 5_001: 2, 6_000: 2, 6_001: 0} {
		if records := read(t, stream, feed.Start{At: time.UnixMilli(at)}, 10).Records; len(records) != want {
			t.Fatalf("at %d: have %d records, want %d", at, len(records), want)
		}
	}
}

// TestIteratorAtAFutureTime expects a future time to be refused, as by Kinesis.
// Records that arrive before the iterator's time, by a clock that was set back,
// are skipped.
func TestIteratorAtAFutureTime(t *testing.T) {
	clock := new(clock)
	_, streams := openStreams(t, vfs.NewMem(), clock.now)
	stream := newStream(t, streams, 1)
	put(t, stream, 1)
	if _, err := stream.Iterator(t.Context(), shard0, feed.Start{At: time.UnixMilli(1)}); err == nil {
		t.Fatal("got an iterator at a future time")
	}
	clock.millis.Store(5_000)
	it, err := stream.Iterator(t.Context(), shard0, feed.Start{At: time.UnixMilli(5_000)})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{4_999, 5_001} {
		clock.millis.Store(at)
		put(t, stream, 1)
	}
	batch, err := stream.Read(t.Context(), it, 10)
	if err != nil || len(batch.Records) != 1 || batch.Records[0].Arrival.UnixMilli() != 5_001 {
		t.Fatalf("have %+v, %v", batch, err)
	}
}

func TestTrim(t *testing.T) {
	s, streams := openStreams(t, vfs.NewMem(), time.Now)
	stream := newStream(t, streams, 1)
	sequences := put(t, stream, 6)
	it, err := stream.Iterator(t.Context(), shard0, feed.Start{})
	if err != nil {
		t.Fatal(err)
	}
	for _, upTo := range []int{2, 1, 2} { // trimming to an earlier place changes nothing
		if err := stream.Trim(t.Context(), shard0, sequences[upTo]); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, stream, 3, sequences[5], sequences[2])
	}
	batch, err := stream.Read(t.Context(), it, 10)
	if err != nil || len(batch.Records) != 3 || batch.Records[0].Sequence != sequences[3] {
		t.Fatalf("an iterator from before the trim: %+v, %v", batch.Records, err)
	}
	if records := read(t, stream, feed.Start{After: sequences[0]}, 10).Records; len(records) != 3 {
		t.Fatalf("after what was trimmed: %d records", len(records))
	}
	if err := stream.Trim(t.Context(), shard0, "7"); err == nil {
		t.Fatal("trimmed what is not there yet")
	}
	// A shard that was trimmed completely continues its numbers, even after it
	// is reopened.
	if err := stream.Trim(t.Context(), shard0, sequences[5]); err != nil {
		t.Fatal(err)
	}
	stream = s.Reopen().Stream("events")
	wantStatus(t, stream, 0, sequences[5], sequences[5])
	next := put(t, stream, 1)[0]
	if event.CompareSequences(next, sequences[5]) <= 0 {
		t.Fatalf("sequence number %q follows %q", next, sequences[5])
	}
	wantStatus(t, stream, 1, next, sequences[5])
}

func wantStatus(t *testing.T, stream *feedpebble.Stream, records int64, newest, trimmed string) {
	t.Helper()
	status, err := stream.Status(t.Context(), shard0)
	if err != nil || status.Records != records || status.Newest != newest || status.Trimmed != trimmed ||
		status.Arrival.IsZero() {
		t.Fatalf("status %+v, %v; want %d records up to %q, trimmed up to %q", status, err, records, newest, trimmed)
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, streams := openStreams(t, vfs.NewMem(), time.Now)
		stream := newStream(t, streams, 1)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		wait := func(after string) { go func() { done <- stream.Wait(ctx, shard0, after) }() }

		wait("")
		synctest.Wait()
		if len(done) > 0 {
			t.Fatalf("did not wait: %v", <-done)
		}
		first := put(t, stream, 1)[0]
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		wait("") // there is a record already
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		wait(first)
		synctest.Wait()
		if len(done) > 0 {
			t.Fatalf("did not wait: %v", <-done)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled: %v", err)
		}
		ctx = t.Context()
		wait(first)
		synctest.Wait()
		if err := streams.Delete(t.Context(), "events"); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, feed.ErrStreamNotFound) {
			t.Fatalf("deleted: %v", err)
		}
	})
}

// TestNothingAppearsBehindAReader lets many writers put records while readers
// follow with Wait: the numbers that a reader sees must have no gaps.
func TestNothingAppearsBehindAReader(t *testing.T) {
	const writers, each, readers = 32, 40, 3
	_, streams := openStreams(t, vfs.NewMem(), time.Now)
	stream := newStream(t, streams, 1)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() { put(t, stream, each) })
	}
	for range readers {
		group.Go(func() { follow(t, stream, writers*each) })
	}
	group.Wait()
}
