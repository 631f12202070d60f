package feedpebble_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sync/errgroup"

	"reprise/pkg/feed"
	"reprise/pkg/local/feedpebble"
)

func memoryStream(t *testing.T, shards int) *feedpebble.Stream {
	t.Helper()
	_, streams := openStreams(t, vfs.NewMem(), time.Now)
	return newStream(t, streams, shards)
}

// readAll reads every shard to its end.
func readAll(t *testing.T, s *feedpebble.Stream) (all []feed.Record) {
	t.Helper()
	shards, err := s.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, shard := range shards {
		at, err := s.Iterator(t.Context(), shard.ID, feed.Start{})
		for {
			var batch feed.Batch
			if err == nil {
				batch, err = s.Read(t.Context(), at, feed.MaxReadRecords)
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(batch.Records) == 0 {
				break
			}
			all, at = append(all, batch.Records...), batch.Next
		}
	}
	return all
}

// TestPutAllKeepsTheOrderOfEachKey puts batches that overlap, and single records
// between them, and reads the shards.
func TestPutAllKeepsTheOrderOfEachKey(t *testing.T) {
	s := memoryStream(t, 3)
	const writers, batches, keys = 8, 20, 10
	var mu sync.Mutex
	stored := make(map[string]string)
	var group errgroup.Group
	for w := range writers {
		group.Go(func() error {
			for b := range batches {
				var records []feed.Input
				for i := range 2 * keys {
					records = append(records, feed.Input{
						Key:  fmt.Sprintf("%d-%d", w, i%keys),
						Data: fmt.Appendf(nil, "%03d-%02d", b, i),
					})
				}
				sequences, err := s.PutAll(t.Context(), records)
				if err != nil || len(sequences) != len(records) {
					return fmt.Errorf("%d sequence numbers: %w", len(sequences), err)
				}
				mu.Lock()
				for i, r := range records {
					stored[r.Key+string(r.Data)] = sequences[i]
				}
				mu.Unlock()
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	last, count := make(map[string]string), 0
	for _, r := range readAll(t, s) {
		if string(r.Data) <= last[r.Key] {
			t.Fatalf("%s of %s follows %s", r.Data, r.Key, last[r.Key])
		}
		if want := stored[r.Key+string(r.Data)]; r.Sequence != want {
			t.Fatalf("%s of %s is record %s, the call said %s", r.Data, r.Key, r.Sequence, want)
		}
		last[r.Key] = string(r.Data)
		count++
	}
	if want := writers * batches * 2 * keys; count != want {
		t.Errorf("%d records, want %d", count, want)
	}
}

// TestPutAllChecksEveryRecordFirst: nothing of a call with a bad record is stored.
func TestPutAllChecksEveryRecordFirst(t *testing.T) {
	s := memoryStream(t, 2)
	good := feed.Input{Key: "a", Data: []byte("x")}
	for name, bad := range map[string]feed.Input{
		"no key": {Data: []byte("x")},
		"large":  {Key: "a", Data: make([]byte, feed.MaxDataBytes)},
	} {
		if _, err := s.PutAll(t.Context(), []feed.Input{good, bad}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.PutAll(ended, []feed.Input{good}); !errors.Is(err, context.Canceled) {
		t.Errorf("after its end: %v", err)
	}
	if all := readAll(t, s); len(all) > 0 {
		t.Errorf("%d records are stored", len(all))
	}
}
