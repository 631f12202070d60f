package feedpebble_test

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/feed"
	"reprise/pkg/local/feedpebble"
)

func follow(t *testing.T, stream *feedpebble.Stream, count int) {
	it, err := stream.Iterator(t.Context(), shard0, feed.Start{})
	last := ""
	for n := 0; n < count && err == nil; {
		if err = stream.Wait(t.Context(), shard0, last); err != nil {
			break
		}
		var batch feed.Batch
		if batch, err = stream.Read(t.Context(), it, 7); len(batch.Records) == 0 && err == nil {
			err = errors.New("no records after a wait")
		}
		for _, record := range batch.Records {
			n++
			if record.Sequence != strconv.Itoa(n) {
				t.Errorf("read %q, want %d", record.Sequence, n)
				return
			}
			last = record.Sequence
		}
		it = batch.Next
	}
	if err != nil {
		t.Error(err)
	}
}

// The positions of old iterators mean nothing in a new stream of the same name.
func TestReplacedStreamRefusesOldIterators(t *testing.T) {
	_, streams := openStreams(t, vfs.NewMem(), time.Now)
	stream := newStream(t, streams, 1)
	put(t, stream, 1)
	old, err := stream.Iterator(t.Context(), shard0, feed.Start{})
	if err != nil {
		t.Fatal(err)
	}
	if err := streams.Delete(t.Context(), "events"); err != nil {
		t.Fatal(err)
	}
	put(t, newStream(t, streams, 1), 1)
	if _, err := stream.Read(t.Context(), old, 1); !errors.Is(err, feed.ErrIteratorExpired) {
		t.Fatalf("read: %v", err)
	}
}

// TestCrash loses everything that was not synced, while records are written.
func TestCrash(t *testing.T) {
	fsys := vfs.NewCrashableMem()
	_, streams := openStreams(t, fsys, time.Now)
	stream := newStream(t, streams, 1)
	var group sync.WaitGroup
	var mu sync.Mutex
	acknowledged := make(map[string]string)
	var crashed *vfs.MemFS
	var must map[string]string
	for w := range 8 {
		group.Go(func() {
			for n := range 30 {
				data := fmt.Sprint(w, " ", n)
				sequence, err := stream.Put(t.Context(), "key", []byte(data))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				acknowledged[sequence] = data
				if len(acknowledged) == 100 {
					must = make(map[string]string)
					for k, v := range acknowledged {
						must[k] = v
					}
					crashed = fsys.CrashClone(vfs.CrashCloneCfg{})
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	_, after := openStreams(t, crashed, time.Now)
	found := make(map[string]string)
	for _, record := range read(t, after.Stream("events"), feed.Start{}, 1000).Records {
		found[record.Sequence] = string(record.Data)
	}
	for sequence, data := range must {
		if found[sequence] != data {
			t.Fatalf("after the crash: %q has %q, want %q", sequence, found[sequence], data)
		}
	}
}

func openOnDisk(b *testing.B) *feedpebble.Stream {
	b.Helper()
	_, streams := openStreams(b, nil, time.Now)
	return newStream(b, streams, 4)
}
