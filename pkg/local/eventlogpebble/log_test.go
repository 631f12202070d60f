package eventlogpebble_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/eventlog/eventlogtest"
	"reprise/pkg/local/eventlogpebble"
	"reprise/pkg/local/localstore"
	"reprise/pkg/local/localstore/localstoretest"
)

type store = localstoretest.Adapter[*eventlogpebble.Log]

// openLog opens a log in a directory of a file system, nil for the disk.
func openLog(t testing.TB, fsys vfs.FS) (*store, *eventlogpebble.Log) {
	t.Helper()
	return localstoretest.OpenAdapter(t, fsys, "eventlog", func(s *localstore.Space) (*eventlogpebble.Log, error) {
		return eventlogpebble.New(s), nil
	})
}

func TestConformance(t *testing.T) {
	var s *store
	eventlogtest.Run(t, func(t *testing.T) (log eventlog.Log) {
		s, log = openLog(t, vfs.NewMem())
		return log
	}, eventlogtest.Features{Reopen: func(t *testing.T, _ eventlog.Log) eventlog.Log {
		return s.Reopen()
	}})
}

const (
	lane   = event.Lane(3)
	bucket = eventlog.Bucket("2026-03-01T00")
)

// entries makes a batch of typical events: 300 bytes, ten of an entity.
func entries(t testing.TB, from, n int) []eventlog.Entry {
	t.Helper()
	batch := make([]eventlog.Entry, n)
	line := make([]byte, 300)
	for i := range batch {
		at, err := event.NewPosition(1, fmt.Sprintf("%012d", 100_000_000_000+from+i), 0)
		if err != nil {
			t.Fatal(err)
		}
		batch[i] = eventlog.Entry{Entity: fmt.Sprintf("account-%06d", (from+i)*7919%100_000/10), Position: at,
			Logged: 1_772_000_000_000, Line: line}
	}
	return batch
}

// TestDuplicateInBatch checks that a batch that contains an entry twice is as
// good as one that contains it once, unless the two differ.
func TestDuplicateInBatch(t *testing.T) {
	_, log := openLog(t, vfs.NewMem())
	batch := entries(t, 0, 1)
	if err := log.Put(t.Context(), lane, bucket, append(batch, batch[0])); err != nil {
		t.Fatal(err)
	}
	other := batch[0]
	other.Entity, other.Line = "other", []byte("1")
	changed := other
	changed.Line = []byte("2")
	between := other
	between.Entity, between.Line = "another", []byte("3")
	for _, batch := range [][]eventlog.Entry{{other, changed}, {other, between, changed}} {
		if err := log.Put(t.Context(), lane, bucket, batch); !errors.Is(err, eventlog.ErrChanged) {
			t.Fatalf("two contents at one position: %v", err)
		}
	}
	if found, err := log.Has(t.Context(), lane, bucket, "other", other.Position); err != nil || found {
		t.Fatalf("part of the failed batch is stored: %t, %v", found, err)
	}
}

// Unlike in the contract, a batch is atomic here.
func TestFailedPutStoresNothing(t *testing.T) {
	_, log := openLog(t, vfs.NewMem())
	batch := entries(t, 0, 3)
	if err := log.Put(t.Context(), lane, bucket, batch[1:2]); err != nil {
		t.Fatal(err)
	}
	batch[1].Line = []byte("changed")
	if err := log.Put(t.Context(), lane, bucket, batch); !errors.Is(err, eventlog.ErrChanged) {
		t.Fatalf("put other content: %v", err)
	}
	page, err := log.Read(t.Context(), lane, bucket, "", eventlog.PageLimit{Entries: 10}, true)
	if err != nil || len(page.Entries) != 1 || len(page.Entries[0].Line) != 300 {
		t.Fatalf("have %d entries, %v", len(page.Entries), err)
	}
}

// TestCrash loses everything that was not synced. An entry that was
// acknowledged twice, the second time without a write, must also be there.
func TestCrash(t *testing.T) {
	fsys := vfs.NewCrashableMem()
	_, log := openLog(t, fsys)
	batch := entries(t, 0, 100)
	for i := range 10 {
		for range 2 {
			if err := log.Put(t.Context(), lane, bucket, batch[i*10:i*10+10]); err != nil {
				t.Fatal(err)
			}
		}
	}
	q := eventlog.Quarantined{Position: batch[0].Position, Reason: "late"}
	if err := log.Quarantine(t.Context(), lane, q); err != nil {
		t.Fatal(err)
	}
	_, after := openLog(t, fsys.CrashClone(vfs.CrashCloneCfg{}))
	page, err := after.Read(t.Context(), lane, bucket, "", eventlog.PageLimit{Entries: 1000}, true)
	if err != nil || len(page.Entries) != len(batch) {
		t.Fatalf("after the crash: %d entries, %v", len(page.Entries), err)
	}
	aside, err := after.ListQuarantine(t.Context(), lane, "", 10)
	if err != nil || len(aside) != 1 {
		t.Fatalf("after the crash: %d quarantined records, %v", len(aside), err)
	}
}

func openOnDisk(b *testing.B) *eventlogpebble.Log {
	b.Helper()
	_, log := openLog(b, nil)
	return log
}

// BenchmarkPut puts batches of 500 new events; its figures are for one batch.
func BenchmarkPut(b *testing.B) {
	log := openOnDisk(b)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		b.StopTimer()
		batch := entries(b, n, 500)
		n += 500
		b.StartTimer()
		if err := log.Put(b.Context(), lane, bucket, batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkRead reads pages of 1 MiB; its figures are for one page.
func BenchmarkRead(b *testing.B) {
	log := openOnDisk(b)
	for i := range 20 {
		if err := log.Put(b.Context(), lane, bucket, entries(b, i*1000, 1000)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	n, after := 0, ""
	for b.Loop() {
		page, err := log.Read(b.Context(), lane, bucket, after, eventlog.PageLimit{Entries: 10_000}, true)
		if err != nil {
			b.Fatal(err)
		}
		n += len(page.Entries)
		after = page.Next
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
