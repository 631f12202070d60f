package feedtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"reprise/pkg/conformance"
	"reprise/pkg/feed"
)

// testRecordLimits counts a record's key and data together, as Kinesis does.
func (s *suite) testRecordLimits(t *testing.T) {
	_, stream := s.create(t, 1)
	for name, record := range map[string]feed.Record{
		"no key":             {Data: []byte("data")},
		"a key not in UTF-8": {Key: "\xdc", Data: []byte("data")},
		"a long key":         {Key: strings.Repeat("k", feed.MaxKeyBytes+1)},
		"one byte too much":  {Key: "key", Data: make([]byte, feed.MaxDataBytes-len("key")+1)},
	} {
		_, err := stream.Put(t.Context(), record.Key, record.Data)
		conformance.WantError(t, "put a record with "+name, err, feed.ErrLimit)
	}
	key := strings.Repeat("ü", feed.MaxKeyBytes/2)
	want := noise(s.Seed, feed.MaxDataBytes-len(key))
	put(t, stream, key, want)
	if _, err := stream.Put(t.Context(), "none", nil); err != nil {
		t.Fatal(err)
	}
	for _, records := range everything(t, stream, 2) {
		if string(records[0].Data) != want || records[0].Key != key || records[1].Key != "none" || len(records[1].Data) > 0 {
			t.Errorf("have %d bytes under %.10q, %d under %q",
				len(records[0].Data), records[0].Key, len(records[1].Data), records[1].Key)
		}
	}
}

// testInvalidStreams checks that a stream with an invalid name cannot be created,
// and that all other methods treat it as missing.
func (s *suite) testInvalidStreams(t *testing.T) {
	for _, name := range []string{"", "a/b", "a b", "ü", "\xdc", "a\n", strings.Repeat("n", feed.MaxNameBytes+1)} {
		_, err := s.streams.Create(t.Context(), name, 1)
		conformance.WantError(t, fmt.Sprintf("create %.20q", name), err, feed.ErrLimit)
		s.wantMissing(t, name, s.streams.Open(name))
		if err := s.streams.Delete(t.Context(), name); err != nil {
			t.Errorf("delete %.20q: %v", name, err)
		}
	}
	for _, shards := range []int{0, -1, feed.MaxShards + 1} {
		name := s.Name()
		_, err := s.streams.Create(t.Context(), name, shards)
		conformance.WantError(t, fmt.Sprintf("create %d shards", shards), err, feed.ErrLimit)
		s.wantMissing(t, name, s.streams.Open(name))
	}
}

func (s *suite) testInvalidIterators(t *testing.T) {
	_, stream := s.create(t, 1)
	shard := shards(t, stream)[0]
	sequence := put(t, stream, "key", "data")
	for _, other := range []string{"", "shard", "shardId-000000000777", "a b", "\xdc", strings.Repeat("s", 200)} {
		_, err := stream.Iterator(t.Context(), other, feed.Start{})
		conformance.WantError(t, fmt.Sprintf("iterator of shard %.20q", other), err, feed.ErrShardNotFound)
	}
	for _, after := range []string{"none", "-1", "0" + sequence, sequence + " ", strings.Repeat("9", 129)} {
		if _, err := stream.Iterator(t.Context(), shard, feed.Start{After: after}); err == nil {
			t.Errorf("an iterator after %.20q", after)
		}
	}
	if _, err := stream.Iterator(t.Context(), shard, feed.Start{At: time.Now().Add(time.Hour)}); err == nil {
		t.Error("an iterator at a time in the future")
	}
}

// testReadLimits checks that a limit below 1 counts as 1, and one that is too high
// as MaxReadRecords.
func (s *suite) testReadLimits(t *testing.T) {
	_, stream := s.create(t, 1)
	put(t, stream, "key", "1")
	put(t, stream, "key", "2")
	from := iterator(t, stream, shards(t, stream)[0], feed.Start{})
	for _, limit := range []int{0, -1} {
		batch, err := stream.Read(t.Context(), from, limit)
		if err != nil || len(batch.Records) > 1 {
			t.Errorf("read %d: %d records, %v", limit, len(batch.Records), err)
		}
	}
	r := reader{stream: stream, next: from}
	r.take(t, 2, 10*feed.MaxReadRecords)
}
