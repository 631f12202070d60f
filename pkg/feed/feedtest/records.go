package feedtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/feed"
)

func (s *suite) testPutAndRead(t *testing.T) {
	_, stream := s.create(t, 1)
	r := reader{stream: stream, next: iterator(t, stream, shards(t, stream)[0], feed.Start{})}
	if records := r.read(t, 10); len(records) > 0 || r.behind {
		t.Fatalf("a new stream has %d records, behind: %t", len(records), r.behind)
	}
	keys := []string{"a", "a#", "ü😀", strings.Repeat("k", feed.MaxKeyBytes)}
	var sequences []string
	for i, key := range keys {
		sequences = append(sequences, put(t, stream, key, fmt.Sprintf("data \x00\xff %d", i)))
	}
	for i, record := range r.take(t, len(keys), 10) {
		data := fmt.Sprintf("data \x00\xff %d", i)
		if record.Key != keys[i] || record.Sequence != sequences[i] || string(record.Data) != data {
			t.Fatalf("record %d is %+v, want key %q at %q", i, record, keys[i], sequences[i])
		}
	}
}

// testCopies checks that the stream and its callers share no memory.
func (s *suite) testCopies(t *testing.T) {
	_, stream := s.create(t, 1)
	data := []byte("data")
	if _, err := stream.Put(t.Context(), "key", data); err != nil {
		t.Fatal(err)
	}
	data[0] = 'X'
	it := iterator(t, stream, shards(t, stream)[0], feed.Start{})
	for range 2 {
		record := (&reader{stream: stream, next: it}).take(t, 1, 1)[0]
		if string(record.Data) != "data" {
			t.Fatalf("have %q", record.Data)
		}
		record.Data[0] = 'X'
	}
}

func noise(seed uint64, size int) string {
	rng := rand.New(rand.NewPCG(seed, uint64(size)))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return string(b)
}

func (s *suite) testOneShardPerKey(t *testing.T) {
	_, stream := s.create(t, 4)
	const keys, each = 12, 4
	for n := range each {
		for k := range keys {
			put(t, stream, fmt.Sprintf("key-%d", k), fmt.Sprint(n))
		}
	}
	home := make(map[string]string)
	count := make(map[string]int)
	for shard, records := range everything(t, stream, keys*each) {
		for _, record := range records {
			if at, known := home[record.Key]; known && at != shard {
				t.Fatalf("key %q is in shards %s and %s", record.Key, at, shard)
			}
			home[record.Key] = shard
			if string(record.Data) != fmt.Sprint(count[record.Key]) {
				t.Fatalf("key %q: record %d has %q", record.Key, count[record.Key], record.Data)
			}
			count[record.Key]++
		}
	}
}

// testLanesOverShards checks that the MD5 of a key decides its shard: the lanes'
// keys then divide evenly, in the order of the shards.
func (s *suite) testLanesOverShards(t *testing.T) {
	const count = 16
	lanes, err := event.NewLanes(count)
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{4, 3} {
		_, stream := s.create(t, width)
		for lane := range event.Lane(count) {
			put(t, stream, lanes.Key(lane), lane.String())
		}
		at := make(map[string]int)
		for i, id := range shards(t, stream) {
			at[id] = i
		}
		homes := make([]int, count)
		for id, records := range everything(t, stream, count) {
			for _, record := range records {
				lane, err := lanes.ParseKey(record.Key)
				if err != nil {
					t.Fatal(err)
				}
				homes[lane] = at[id]
			}
		}
		if !slices.IsSorted(homes) || homes[0] != 0 || homes[count-1] != width-1 {
			t.Fatalf("lanes are in shards %v of %d", homes, width)
		}
		for lane, home := range homes {
			if width == 4 && home != lane/4 {
				t.Fatalf("lane %d of %d is in shard %d of 4", lane, count, home)
			}
		}
	}
}

func (s *suite) testIteratorAfter(t *testing.T) {
	_, stream := s.create(t, 1)
	shard := shards(t, stream)[0]
	var sequences []string
	for i := range 5 {
		sequences = append(sequences, put(t, stream, fmt.Sprint(i), "data"))
	}
	for i, after := range sequences {
		next := iterator(t, stream, shard, feed.Start{After: after, At: time.Unix(1, 0)})
		r := reader{stream: stream, next: next, last: after}
		for j, record := range r.take(t, len(sequences)-i-1, 10) {
			if record.Sequence != sequences[i+1+j] {
				t.Fatalf("after record %d: have %q, want %q", i, record.Sequence, sequences[i+1+j])
			}
		}
	}
	again := iterator(t, stream, shard, feed.Start{After: sequences[1]})
	for range 2 { // an iterator is a place: it can be used twice
		r := reader{stream: stream, next: again}
		if record := r.take(t, 1, 1)[0]; record.Sequence != sequences[2] {
			t.Fatalf("have %q, want %q", record.Sequence, sequences[2])
		}
	}
}

func (s *suite) testIteratorAt(t *testing.T) {
	_, stream := s.create(t, 1)
	shard := shards(t, stream)[0]
	const count = 6
	for i := range count {
		put(t, stream, "key", fmt.Sprint(i))
	}
	r := reader{stream: stream, next: iterator(t, stream, shard, feed.Start{})}
	all := r.take(t, count, count)
	times := []time.Time{all[0].Arrival.Add(-time.Hour)}
	for _, record := range all {
		times = append(times, record.Arrival)
	}
	for _, at := range times {
		first := slices.IndexFunc(all, func(r feed.Record) bool { return !r.Arrival.Before(at) })
		r := reader{stream: stream, next: iterator(t, stream, shard, feed.Start{At: at})}
		for i, record := range r.take(t, count-first, count) {
			if record.Sequence != all[first+i].Sequence {
				t.Fatalf("at %v: record %d is %q, want %q", at, i, record.Sequence, all[first+i].Sequence)
			}
		}
	}
}

func (s *suite) testTip(t *testing.T) {
	_, stream := s.create(t, 1)
	shard := shards(t, stream)[0]
	put(t, stream, "key", "first")
	r := reader{stream: stream, next: iterator(t, stream, shard, feed.Start{})}
	r.take(t, 1, 10)
	for i := range 3 {
		if records := r.read(t, 10); len(records) > 0 || r.behind {
			t.Fatalf("at the tip: %d records, behind: %t", len(records), r.behind)
		}
		want := put(t, stream, "key", fmt.Sprint(i))
		if record := r.take(t, 1, 10)[0]; record.Sequence != want {
			t.Fatalf("have %q, want %q", record.Sequence, want)
		}
		if r.behind {
			t.Fatal("behind although the newest record was read")
		}
	}
	r = reader{stream: stream, next: iterator(t, stream, shard, feed.Start{After: r.last})}
	if records := r.read(t, 10); len(records) > 0 {
		t.Fatalf("after the newest: have %d records", len(records))
	}
}

func (s *suite) testPages(t *testing.T) {
	_, stream := s.create(t, 1)
	shard := shards(t, stream)[0]
	const count = 7
	var sequences []string
	for i := range count {
		sequences = append(sequences, put(t, stream, fmt.Sprint(i), "data"))
	}
	for _, limit := range []int{1, 3, count, feed.MaxReadRecords} {
		r := reader{stream: stream, next: iterator(t, stream, shard, feed.Start{})}
		for i, record := range r.take(t, count, limit) {
			if record.Sequence != sequences[i] || record.Key != fmt.Sprint(i) {
				t.Fatalf("pages of %d: record %d is %+v", limit, i, record)
			}
		}
	}
}

// testLargeRecords reads more than one call of Kinesis returns.
func (s *suite) testLargeRecords(t *testing.T) {
	_, stream := s.create(t, 1)
	const count = 12
	size := feed.MaxDataBytes - 16
	for i := range count {
		put(t, stream, "key", noise(uint64(i), size))
	}
	r := reader{stream: stream, next: iterator(t, stream, shards(t, stream)[0], feed.Start{})}
	for i, record := range r.take(t, count, 100) {
		if string(record.Data) != noise(uint64(i), size) {
			t.Fatalf("record %d has other data", i)
		}
	}
}
