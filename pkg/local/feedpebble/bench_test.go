package feedpebble_test

import (
	"strconv"
	"sync/atomic"
	"testing"

	"reprise/pkg/event"
	"reprise/pkg/feed"
)

// BenchmarkPut puts records of 100 KB, as the ingest path packs them, from 64
// writers under 64 lanes' keys.
func BenchmarkPut(b *testing.B) {
	stream := openOnDisk(b)
	lanes, err := event.NewLanes(64)
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{300, 100_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			data := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			b.SetParallelism(32)
			var writer atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				key := lanes.Key(event.Lane(writer.Add(1) % 64))
				for pb.Next() {
					if _, err := stream.Put(b.Context(), key, data); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkRead reads 1,000 records of 300 bytes.
func BenchmarkRead(b *testing.B) {
	stream := openOnDisk(b)
	for range 1000 {
		if _, err := stream.Put(b.Context(), "key0", make([]byte, 300)); err != nil {
			b.Fatal(err)
		}
	}
	list, err := stream.Shards(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var from feed.Iterator
	for _, shard := range list {
		it, err := stream.Iterator(b.Context(), shard.ID, feed.Start{})
		if err != nil {
			b.Fatal(err)
		}
		if batch, err := stream.Read(b.Context(), it, 1); err == nil && len(batch.Records) > 0 {
			from = it
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		batch, err := stream.Read(b.Context(), from, 1000)
		if err != nil || len(batch.Records) != 1000 {
			b.Fatal(len(batch.Records), err)
		}
	}
}
