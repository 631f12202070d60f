package feedtest

import (
	"testing"
	"time"

	"reprise/pkg/conformance"
	"reprise/pkg/event"
	"reprise/pkg/feed"
)

// Features says what a service offers besides the contract.
type Features = conformance.Features[feed.Streams]

// Run opens one service and tests it. It need not be empty: every test creates
// its own streams, with at most 8 shards at a time, and deletes them.
func Run(t *testing.T, open func(t *testing.T) feed.Streams, features Features) {
	s := &suite{Suite: conformance.Begin(t, features), streams: open(t)}
	tests := []struct {
		name string
		test func(*testing.T)
	}{
		{"Create", s.testCreate},
		{"Delete", s.testDelete},
		{"Missing", s.testMissing},
		{"Shards", s.testShards},
		{"PutAndRead", s.testPutAndRead},
		{"Copies", s.testCopies},
		{"RecordLimits", s.testRecordLimits},
		{"InvalidStreams", s.testInvalidStreams},
		{"InvalidIterators", s.testInvalidIterators},
		{"ReadLimits", s.testReadLimits},
		{"Isolation", s.testIsolation},
		{"OneShardPerKey", s.testOneShardPerKey},
		{"LanesOverShards", s.testLanesOverShards},
		{"IteratorAfter", s.testIteratorAfter},
		{"IteratorAt", s.testIteratorAt},
		{"Tip", s.testTip},
		{"Pages", s.testPages},
		{"LargeRecords", s.testLargeRecords},
		{"ConcurrentPuts", s.testConcurrentPuts},
		{"ReadWhileWriting", s.testReadWhileWriting},
		{"Cancelled", s.testCancelled},
		{"Durable", s.testDurable},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.test)
	}
}

type suite struct {
	*conformance.Suite[feed.Streams]
	streams feed.Streams
}

// create makes a stream that is deleted at the end of the test.
func (s *suite) create(t *testing.T, shards int) (string, feed.Stream) {
	t.Helper()
	name := s.Name()
	if _, err := s.streams.Create(t.Context(), name, shards); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.streams.Delete(noContext(), name); err != nil {
			t.Error(err)
		}
	})
	return name, s.streams.Open(name)
}

func put(t *testing.T, stream feed.Stream, key, data string) string {
	t.Helper()
	sequence, err := stream.Put(t.Context(), key, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := event.NewPosition(0, sequence, 0); err != nil {
		t.Fatalf("sequence number %q: %v", sequence, err)
	}
	return sequence
}

func shards(t *testing.T, stream feed.Stream) []string {
	t.Helper()
	list, err := stream.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(list))
	for i, shard := range list {
		ids[i] = shard.ID
	}
	return ids
}

func iterator(t *testing.T, stream feed.Stream, shard string, start feed.Start) feed.Iterator {
	t.Helper()
	it, err := stream.Iterator(t.Context(), shard, start)
	if err != nil {
		t.Fatalf("iterator at %+v: %v", start, err)
	}
	return it
}

// patience bounds how long reads may return nothing although records exist or are
// being written. It is a time and not a number of reads, because a store in memory
// answers thousands of reads while one write waits for its disk.
const patience = 30 * time.Second

// idle paces reads that return nothing, and fails the test after patience.
type idle struct{ since time.Time }

// next must be called after every read. found tells whether the read returned
// records, have is how many were read so far.
func (i *idle) next(t *testing.T, found bool, have, want int) {
	t.Helper()
	if found || i.since.IsZero() {
		i.since = time.Now()
	}
	if found {
		return
	}
	if time.Since(i.since) > patience {
		t.Fatalf("have %d records, want %d", have, want)
	}
	<-time.After(100 * time.Microsecond)
}

// reader follows one shard and checks the promises of every Read.
type reader struct {
	stream feed.Stream
	next   feed.Iterator
	last   string
	behind bool
}

func (r *reader) read(t *testing.T, limit int) []feed.Record {
	t.Helper()
	batch, err := r.stream.Read(t.Context(), r.next, limit)
	if err != nil {
		t.Fatal(err)
	}
	if len(batch.Records) > limit {
		t.Fatalf("read %d records, the limit is %d", len(batch.Records), limit)
	}
	for _, record := range batch.Records {
		if event.CompareSequences(record.Sequence, r.last) <= 0 {
			t.Fatalf("read sequence number %q behind %q", record.Sequence, r.last)
		}
		if record.Arrival.IsZero() || record.Arrival.Nanosecond()%1e6 != 0 {
			t.Fatalf("record arrived at %v, want a time in milliseconds", record.Arrival)
		}
		r.last = record.Sequence
	}
	if batch.Next == "" {
		t.Fatal("no next iterator although the shard is open")
	}
	if batch.Behind < 0 {
		t.Fatalf("behind by %v", batch.Behind)
	}
	r.next, r.behind = batch.Next, batch.Behind > 0
	return batch.Records
}

// take reads on until it has n records.
func (r *reader) take(t *testing.T, n, limit int) []feed.Record {
	t.Helper()
	var records []feed.Record
	for pace := new(idle); len(records) < n; {
		more := r.read(t, limit)
		records = append(records, more...)
		pace.next(t, len(more) > 0, len(records), n)
	}
	if len(records) > n {
		t.Fatalf("have %d records, want %d", len(records), n)
	}
	return records
}

// everything reads all n records of a stream, by shard.
func everything(t *testing.T, stream feed.Stream, n int) map[string][]feed.Record {
	t.Helper()
	readers := make(map[string]*reader)
	for _, id := range shards(t, stream) {
		readers[id] = &reader{stream: stream, next: iterator(t, stream, id, feed.Start{})}
	}
	records := make(map[string][]feed.Record)
	have := 0
	for pace := new(idle); have < n; {
		before := have
		for id, r := range readers {
			if more := r.read(t, feed.MaxReadRecords); len(more) > 0 {
				records[id] = append(records[id], more...)
				have += len(more)
			}
		}
		pace.next(t, have > before, have, n)
	}
	if have > n {
		t.Fatalf("have %d records, want %d", have, n)
	}
	return records
}
