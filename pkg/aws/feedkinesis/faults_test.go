package feedkinesis_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"reprise/integration/engines"
	"reprise/pkg/feed"
	"reprise/pkg/feed/feedtest"
)

// TestConformanceUnderFaults lets calls fail in every way, but puts only in
// those ways after which the caller knows that nothing happened: after a lost
// answer a record may be stored twice, as TestLostAnswer shows.
func TestConformanceUnderFaults(t *testing.T) {
	before := []engines.Fault{engines.Throttle, engines.FailBefore, engines.ResetBefore, engines.TimeoutBefore}
	puts := engines.Random(8, 0.1, before, nil)
	others := engines.Random(9, 0.1, engines.All(), nil)
	faults := &engines.Faults{Choose: func(operation string) engines.Fault {
		if operation == "PutRecord" {
			return puts(operation)
		}
		return others(operation)
	}}
	feedtest.Run(t, func(t *testing.T) feed.Streams { return open(t, faults) }, feedtest.Features{})
	if n := faults.Count("PutRecords"); n > 0 {
		t.Fatalf("%d PutRecords requests", n)
	}
}

// TestLostAnswer loses the answer to every second put. Records may be stored
// twice, but their order never changes: what was put first is read first.
func TestLostAnswer(t *testing.T) {
	var n atomic.Int32
	faults := &engines.Faults{Choose: func(operation string) engines.Fault {
		if operation == "PutRecord" && n.Add(1)%2 == 1 {
			return engines.ResetAfter
		}
		return engines.None
	}}
	all := open(t, faults)
	if _, err := all.Create(t.Context(), "lost-answers", 1); err != nil {
		t.Fatal(err)
	}
	stream := all.Open("lost-answers")
	const count = 12
	for i := range count {
		if _, err := stream.Put(t.Context(), "key", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	shards, err := stream.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	it, err := stream.Iterator(t.Context(), shards[0].ID, feed.Start{})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := stream.Read(t.Context(), it, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var have, want strings.Builder
	for _, record := range batch.Records {
		fmt.Fprintf(&have, "%s ", record.Data)
	}
	for i := range count {
		fmt.Fprintf(&want, "%d %d ", i, i)
	}
	if have.String() != want.String() {
		t.Fatalf("have %s, want %s", have.String(), want.String())
	}
}

// TestThrottled expects the contract's error if a throttle lasts.
func TestThrottled(t *testing.T) {
	all := open(t, &engines.Faults{Choose: func(string) engines.Fault { return engines.Throttle }})
	stream := all.Open("any")
	_, put := stream.Put(t.Context(), "key", nil)
	_, list := stream.Shards(t.Context())
	_, iterator := stream.Iterator(t.Context(), "shardId-000000000000", feed.Start{})
	_, read := stream.Read(t.Context(), "iterator", 1)
	for what, err := range map[string]error{"put": put, "list": list, "iterator": iterator, "read": read} {
		if !errors.Is(err, feed.ErrThrottled) {
			t.Errorf("%s: have %v", what, err)
		}
	}
}
