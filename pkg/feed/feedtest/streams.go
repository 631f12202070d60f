package feedtest

import (
	"context"
	"strings"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/feed"
)

// noContext is for clean-up, when the test's own context has ended.
func noContext() context.Context { return context.Background() }

func (s *suite) testCreate(t *testing.T) {
	name, stream := s.create(t, 2)
	first, err := s.streams.Describe(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if first.Name != name || first.Shards != 2 || first.Identity == "" || first.Created.IsZero() ||
		!strings.HasPrefix(first.ARN, "arn:") || !strings.HasSuffix(first.ARN, ":stream/"+name) {
		t.Fatalf("description %+v", first)
	}
	put(t, stream, "key", "data")
	again, err := s.streams.Create(t.Context(), name, 2)
	if err != nil {
		t.Fatal(err)
	}
	if again.Identity != first.Identity || again.ARN != first.ARN || again.Shards != 2 ||
		!again.Created.Equal(first.Created) {
		t.Fatalf("created twice: %+v, was %+v", again, first)
	}
	everything(t, stream, 1)
	_, err = s.streams.Create(t.Context(), name, 3)
	conformance.WantError(t, "create with other shards", err, feed.ErrStreamExists)
	if ids := shards(t, stream); len(ids) != 2 {
		t.Fatalf("shards %v", ids)
	}
}

func (s *suite) testDelete(t *testing.T) {
	name, stream := s.create(t, 1)
	put(t, stream, "key", "first")
	old := iterator(t, stream, shards(t, stream)[0], feed.Start{})
	first, err := s.streams.Describe(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.streams.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	s.wantMissing(t, name, stream)
	if _, err := stream.Read(t.Context(), old, 1); err == nil {
		t.Fatal("read from a deleted stream")
	}
	second, err := s.streams.Create(t.Context(), name, 2)
	if err != nil {
		t.Fatal(err)
	}
	if second.Identity == first.Identity || second.Shards != 2 {
		t.Fatalf("created anew: %+v, was %+v", second, first)
	}
	put(t, stream, "key", "second")
	for _, records := range everything(t, stream, 1) {
		if string(records[0].Data) != "second" {
			t.Fatalf("have %q", records[0].Data)
		}
	}
}

func (s *suite) testMissing(t *testing.T) {
	name := s.Name()
	s.wantMissing(t, name, s.streams.Open(name))
	if err := s.streams.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	_, stream := s.create(t, 1)
	_, err := stream.Iterator(t.Context(), "shardId-000000000777", feed.Start{})
	conformance.WantError(t, "iterator of a missing shard", err, feed.ErrShardNotFound)
	if _, err := stream.Read(t.Context(), "no iterator", 1); err == nil {
		t.Fatal("read from an invalid iterator")
	}
}

func (s *suite) wantMissing(t *testing.T, name string, stream feed.Stream) {
	t.Helper()
	_, describe := s.streams.Describe(t.Context(), name)
	conformance.WantError(t, "describe", describe, feed.ErrStreamNotFound)
	_, put := stream.Put(t.Context(), "key", []byte("data"))
	conformance.WantError(t, "put", put, feed.ErrStreamNotFound)
	_, shards := stream.Shards(t.Context())
	conformance.WantError(t, "shards", shards, feed.ErrStreamNotFound)
	_, iterator := stream.Iterator(t.Context(), "shardId-000000000000", feed.Start{})
	conformance.WantError(t, "iterator", iterator, feed.ErrStreamNotFound)
}

func (s *suite) testShards(t *testing.T) {
	_, stream := s.create(t, 5)
	list, err := stream.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, shard := range list {
		if shard.ID == "" || seen[shard.ID] || shard.Closed || len(shard.Parents) > 0 {
			t.Fatalf("shards of a new stream: %+v", list)
		}
		seen[shard.ID] = true
	}
	if len(list) != 5 {
		t.Fatalf("have %d shards, want 5", len(list))
	}
	again := shards(t, stream)
	for i, id := range again {
		if id != list[i].ID {
			t.Fatalf("shards %v at first, then %v", list, again)
		}
	}
}

func (s *suite) testIsolation(t *testing.T) {
	_, first := s.create(t, 1)
	_, second := s.create(t, 1)
	for _, data := range []string{"1", "2", "3"} {
		put(t, first, "key", "first "+data)
		put(t, second, "key", "second "+data)
	}
	for prefix, stream := range map[string]feed.Stream{"first ": first, "second ": second} {
		for _, records := range everything(t, stream, 3) {
			for _, record := range records {
				if !strings.HasPrefix(string(record.Data), prefix) {
					t.Fatalf("stream of %q has %q", prefix, record.Data)
				}
			}
		}
	}
}

func (s *suite) testCancelled(t *testing.T) {
	name, stream := s.create(t, 1)
	shard := shards(t, stream)[0]
	it := iterator(t, stream, shard, feed.Start{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	other := s.Name()
	_, create := s.streams.Create(ctx, other, 1)
	_, describe := s.streams.Describe(ctx, name)
	_, put := stream.Put(ctx, "key", []byte("data"))
	_, list := stream.Shards(ctx)
	_, make := stream.Iterator(ctx, shard, feed.Start{})
	_, read := stream.Read(ctx, it, 1)
	for method, err := range map[string]error{
		"Create":   create,
		"Describe": describe,
		"Put":      put,
		"Shards":   list,
		"Iterator": make,
		"Read":     read,
		"Delete":   s.streams.Delete(ctx, name),
	} {
		if err == nil {
			t.Errorf("%s with a cancelled context returned no error", method)
		}
	}
	_, err := s.streams.Describe(t.Context(), other)
	conformance.WantError(t, "describe a stream that was not created", err, feed.ErrStreamNotFound)
	if records := (&reader{stream: stream, next: it}).read(t, 10); len(records) > 0 {
		t.Fatalf("have %d records", len(records))
	}
}

func (s *suite) testDurable(t *testing.T) {
	s.MustReopen(t)
	name, stream := s.create(t, 1)
	before, err := s.streams.Describe(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	gone := s.Name()
	if _, err := s.streams.Create(t.Context(), gone, 1); err != nil {
		t.Fatal(err)
	}
	first, second := put(t, stream, "key", "1"), put(t, stream, "key", "2")
	if err := s.streams.Delete(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	s.streams = s.Reopen(t, s.streams)
	stream = s.streams.Open(name)
	after, err := s.streams.Describe(t.Context(), name)
	if err != nil || after.Identity != before.Identity || after.Shards != 1 || !after.Created.Equal(before.Created) {
		t.Fatalf("reopened: %+v, %v; was %+v", after, err, before)
	}
	_, err = s.streams.Describe(t.Context(), gone)
	conformance.WantError(t, "describe a deleted stream", err, feed.ErrStreamNotFound)
	third := put(t, stream, "key", "3")
	r := reader{stream: stream, next: iterator(t, stream, shards(t, stream)[0], feed.Start{After: first}), last: first}
	records := r.take(t, 2, 10)
	if records[0].Sequence != second || records[1].Sequence != third || string(records[0].Data) != "2" {
		t.Fatalf("have %+v", records)
	}
}
