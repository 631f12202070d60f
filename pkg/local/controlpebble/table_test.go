package controlpebble_test

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/control"
	"reprise/pkg/control/controltest"
	"reprise/pkg/local/controlpebble"
	"reprise/pkg/local/localstore/localstoretest"
)

type store = localstoretest.Adapter[*controlpebble.Table]

// openTable opens a table in a directory of a file system, nil for the disk.
func openTable(t testing.TB, fsys vfs.FS) (*store, *controlpebble.Table) {
	t.Helper()
	return localstoretest.OpenAdapter(t, fsys, "control", controlpebble.New)
}

func TestConformance(t *testing.T) {
	var s *store
	controltest.Run(t, func(t *testing.T) (table control.Table) {
		s, table = openTable(t, vfs.NewMem())
		return table
	}, controltest.Features{Reopen: func(t *testing.T, _ control.Table) control.Table {
		return s.Reopen()
	}})
}

// TestOneWriterWins repeats the suite's race for one document often enough to
// notice a check that is not locked together with its write: each success must
// have a version of its own to build on.
func TestOneWriterWins(t *testing.T) {
	const writers, attempts = 16, 400
	_, table := openTable(t, vfs.NewMem())
	for _, batched := range []bool{false, true} {
		key := control.Key{Partition: "p", Sort: strconv.FormatBool(batched)}
		if _, err := table.Put(t.Context(), key, []byte("0"), ""); err != nil {
			t.Fatal(err)
		}
		var won atomic.Int64
		var group sync.WaitGroup
		for range writers {
			group.Go(func() {
				for range attempts {
					won.Add(tryIncrement(t, table, key, batched))
				}
			})
		}
		group.Wait()
		doc, err := table.Get(t.Context(), key)
		if err != nil || string(doc.Body) != strconv.FormatInt(won.Load(), 10) {
			t.Fatalf("batched: %t: counted to %q, %v, but %d times", batched, doc.Body, err, won.Load())
		}
	}
}

// tryIncrement returns 1 if it incremented the counter, 0 on a conflict.
func tryIncrement(t *testing.T, table control.Table, key control.Key, batched bool) int64 {
	doc, err := table.Get(t.Context(), key)
	if err != nil {
		t.Error(err)
		return 0
	}
	n, err := strconv.Atoi(string(doc.Body))
	if err != nil {
		t.Error(err)
	}
	body := []byte(strconv.Itoa(n + 1))
	if batched {
		var results []error
		results, err = table.PutAll(t.Context(), []control.Write{{Key: key, Body: body, Previous: doc.Version}})
		if err == nil {
			err = results[0]
		}
	} else {
		_, err = table.Put(t.Context(), key, body, doc.Version)
	}
	if err == nil {
		return 1
	}
	if !errors.Is(err, control.ErrConflict) {
		t.Error(err)
	}
	return 0
}

// TestCrash loses everything that was not synced, while writers are running.
func TestCrash(t *testing.T) {
	fsys := vfs.NewCrashableMem()
	_, table := openTable(t, fsys)
	var kept, deleted []control.Key
	versions := make(map[control.Key]control.Version)
	for i := range 50 {
		key := control.Key{Partition: "p", Sort: strconv.Itoa(i)}
		version, err := table.Put(t.Context(), key, []byte(key.Sort), "")
		if err != nil {
			t.Fatal(err)
		}
		versions[key] = version
		if i%5 > 0 {
			kept = append(kept, key)
			continue
		}
		if err := table.Delete(t.Context(), key, version); err != nil {
			t.Fatal(err)
		}
		deleted = append(deleted, key)
	}
	_, after := openTable(t, fsys.CrashClone(vfs.CrashCloneCfg{}))
	for _, key := range kept {
		doc, err := after.Get(t.Context(), key)
		if err != nil || doc.Version != versions[key] || string(doc.Body) != key.Sort {
			t.Fatalf("after the crash: %+v, %v", doc, err)
		}
	}
	for _, key := range deleted {
		again, err := after.Put(t.Context(), key, nil, "")
		if err != nil || again == versions[key] {
			t.Fatalf("after the crash: version %q, was %q, %v", again, versions[key], err)
		}
	}
}

func openOnDisk(b *testing.B) *controlpebble.Table {
	b.Helper()
	_, table := openTable(b, nil)
	return table
}

func BenchmarkPut(b *testing.B) {
	table := openOnDisk(b)
	body := make([]byte, 300)
	b.ReportAllocs()
	var version control.Version
	for b.Loop() {
		next, err := table.Put(b.Context(), control.Key{Partition: "p", Sort: "s"}, body, version)
		if err != nil {
			b.Fatal(err)
		}
		version = next
	}
}

func BenchmarkPutParallel(b *testing.B) {
	table := openOnDisk(b)
	body := make([]byte, 300)
	b.ReportAllocs()
	b.SetParallelism(64)
	var writer atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		key := control.Key{Partition: "p", Sort: strconv.FormatInt(writer.Add(1), 10)}
		var version control.Version
		for pb.Next() {
			next, err := table.Put(b.Context(), key, body, version)
			if err != nil {
				b.Error(err)
				return
			}
			version = next
		}
	})
}

func BenchmarkGet(b *testing.B) {
	table := openOnDisk(b)
	key := control.Key{Partition: "p", Sort: "s"}
	if _, err := table.Put(b.Context(), key, make([]byte, 300), ""); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := table.Get(b.Context(), key); err != nil {
			b.Fatal(err)
		}
	}
}
