package feedtest

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"reprise/pkg/event"
	"reprise/pkg/feed"
)

const (
	writers = 8
	perKey  = 12
)

// write starts writers that put records concurrently, each under its own key, and
// returns a function that waits for them. The sequence numbers of a key must rise.
func write(t *testing.T, stream feed.Stream) (wait func() map[string]string) {
	var group sync.WaitGroup
	var mu sync.Mutex
	sequences := make(map[string]string)
	for w := range writers {
		group.Go(func() {
			last, key := "", fmt.Sprintf("key-%d", w)
			for n := range perKey {
				sequence, err := stream.Put(t.Context(), key, []byte(strconv.Itoa(n)))
				if err != nil {
					t.Error(err)
					return
				}
				if event.CompareSequences(sequence, last) <= 0 {
					t.Errorf("%s: sequence number %q follows %q", key, sequence, last)
				}
				last = sequence
				mu.Lock()
				sequences[key+" "+strconv.Itoa(n)] = sequence
				mu.Unlock()
			}
		})
	}
	return func() map[string]string {
		group.Wait()
		return sequences
	}
}

func (s *suite) testConcurrentPuts(t *testing.T) {
	_, stream := s.create(t, 3)
	sequences := write(t, stream)()
	if t.Failed() {
		return
	}
	next := make(map[string]int)
	for _, records := range everything(t, stream, writers*perKey) {
		for _, record := range records {
			if want := strconv.Itoa(next[record.Key]); string(record.Data) != want {
				t.Fatalf("%s: have record %q, want %q", record.Key, record.Data, want)
			}
			next[record.Key]++
			if want := sequences[record.Key+" "+string(record.Data)]; record.Sequence != want {
				t.Fatalf("%s: record %q is at %q, Put said %q", record.Key, record.Data, record.Sequence, want)
			}
		}
	}
}

// testReadWhileWriting follows a shard while it is written, and reads it again
// afterwards. A record that appeared before the reader's place would be in the
// second reading only.
func (s *suite) testReadWhileWriting(t *testing.T) {
	_, stream := s.create(t, 1)
	shard := shards(t, stream)[0]
	follower := reader{stream: stream, next: iterator(t, stream, shard, feed.Start{})}
	wait := write(t, stream)
	defer wait() // even if the follower fails
	seen := follower.take(t, writers*perKey, 5)
	wait()
	again := reader{stream: stream, next: iterator(t, stream, shard, feed.Start{})}
	for i, record := range again.take(t, writers*perKey, feed.MaxReadRecords) {
		if record.Sequence != seen[i].Sequence || record.Key != seen[i].Key {
			t.Fatalf("record %d is %q now, was %q", i, record.Sequence, seen[i].Sequence)
		}
	}
}
