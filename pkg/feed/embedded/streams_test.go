package embedded

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/feed"
	"reprise/pkg/localstore"
)

func openSpace(t testing.TB, fsys vfs.FS) *localstore.Space {
	t.Helper()
	db, err := localstore.Open("data", localstore.Options{FS: fsys, Settings: localstore.Settings{Lanes: 4, BucketWidth: 86400}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db.Space("feed")
}

func openStreams(t testing.TB, fsys vfs.FS) *Streams {
	t.Helper()
	streams, err := New(openSpace(t, fsys), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return streams
}

func TestPutThenRead(t *testing.T) {
	streams := openStreams(t, vfs.NewMem())
	if _, err := streams.Create(t.Context(), "events", 3); err != nil {
		t.Fatal(err)
	}
	stream := streams.Stream("events")
	sequence, err := stream.Put(t.Context(), "a", []byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	shard := shardID(place(divide(3), "a"))
	it, err := stream.Iterator(t.Context(), shard, feed.Start{})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := stream.Read(t.Context(), it, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(batch.Records) != 1 || batch.Records[0].Sequence != sequence || string(batch.Records[0].Data) != "data" {
		t.Fatalf("batch %+v", batch)
	}
}
