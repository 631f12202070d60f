package localstore

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// smallDisk is a file system whose free space a test sets. Without space every
// write fails, until the ballast is removed.
type smallDisk struct {
	vfs.FS
	available atomic.Int64
	noSpace   atomic.Bool
	ballast   atomic.Bool
	// tables restricts noSpace to tables; failures counts the failures.
	tables   atomic.Bool
	failures atomic.Int64
}

func newSmallDisk(available int64) *smallDisk {
	d := new(smallDisk)
	d.available.Store(available)
	d.FS = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo, errorfs.OpCreate:
			if d.noSpace.Load() && (!d.tables.Load() || strings.HasSuffix(op.Path, ".sst")) {
				d.failures.Add(1)
				return syscall.ENOSPC
			}
			if op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ballastFile) {
				d.ballast.Store(true)
			}
		case errorfs.OpRemove:
			if strings.HasSuffix(op.Path, ballastFile) && d.ballast.Swap(false) {
				d.noSpace.Store(false)
			}
		}
		return nil
	}))
	return d
}

func (d *smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	free := uint64(d.available.Load())
	return vfs.DiskUsage{AvailBytes: free, TotalBytes: 1 << 40, UsedBytes: 1<<40 - free}, nil
}

func openSmall(t *testing.T, disk *smallDisk) *DB {
	t.Helper()
	db := mustOpen(t, disk, "data")
	t.Cleanup(func() { mustClose(t, db) })
	return db
}

func tryPut(space *Space, key string) error {
	return space.Write(func(b *Batch) error { return b.Put([]byte(key), []byte("value")) })
}

// Below the reserve, writes are refused and everything else continues.
func TestReserve(t *testing.T) {
	disk := newSmallDisk(1 << 30)
	space := openSmall(t, disk).Space("a")
	put(t, space, "before", "value", "old", "value")
	disk.available.Store(DefaultReserve - 1)
	refused := -1
	for i := range 2 * sampleWrites {
		if err := tryPut(space, fmt.Sprint(i)); errors.Is(err, ErrFull) {
			refused = i
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if refused < 0 {
		t.Fatalf("%d writes on a full disk were accepted", 2*sampleWrites)
	}
	wantValue(t, space, "before", "value")
	if _, found, err := space.Get([]byte(fmt.Sprint(refused))); err != nil || found {
		t.Fatalf("a refused write is there: %t, %v", found, err)
	}
	for range 3 {
		if err := tryPut(space, "x"); !errors.Is(err, ErrFull) {
			t.Fatalf("still full: %v", err)
		}
	}
	if err := space.WriteLazily(func(b *Batch) error { return b.Put([]byte("x"), nil) }); !errors.Is(err, ErrFull) {
		t.Fatalf("lazy write: %v", err)
	}
	if err := space.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := space.Free(func(b *Batch) error { return b.Delete([]byte("old")) }); err != nil {
		t.Fatalf("a deletion on a full disk: %v", err)
	}
	disk.available.Store(1 << 30)
	if err := tryPut(space, "after"); err != nil {
		t.Fatalf("with room again: %v", err)
	}
}

// What counts is bytes, too.
func TestLargeWritesLookSooner(t *testing.T) {
	disk := newSmallDisk(1 << 30)
	space := openSmall(t, disk).Space("a")
	put(t, space, "before", "value")
	disk.available.Store(0)
	large := strings.Repeat("x", sampleBytes)
	put(t, space, "first", large)
	if err := tryPut(space, "second"); !errors.Is(err, ErrFull) {
		t.Fatalf("after a large write: %v", err)
	}
}

// A disk that fills up suddenly, between two checks, fails no write.
func TestBallast(t *testing.T) {
	disk := newSmallDisk(1 << 30)
	db := openSmall(t, disk)
	space := db.Space("a")
	put(t, space, "before", "value")
	if !disk.ballast.Load() {
		t.Fatal("there is no ballast")
	}
	disk.available.Store(0)
	disk.noSpace.Store(true)
	put(t, space, "meanwhile", "value")
	if disk.noSpace.Load() {
		t.Fatal("the write did not need the ballast")
	}
	if err := tryPut(space, "full"); !errors.Is(err, ErrFull) {
		t.Fatalf("after the ballast was given up: %v", err)
	}
	// What is in memory fits where the ballast was.
	if err := db.db.Flush(); err != nil {
		t.Fatal(err)
	}
	wantValue(t, space, "meanwhile", "value")
	disk.available.Store(1 << 30)
	put(t, space, "after", "value")
	if !disk.ballast.Load() {
		t.Fatal("there is no new ballast")
	}
}

// A failed flush is retried until it succeeds, and reading continues in the
// meantime.
func TestFlushWithoutSpace(t *testing.T) {
	disk := newSmallDisk(1 << 30)
	db := openSmall(t, disk)
	space := db.Space("a")
	put(t, space, "key", "value")
	disk.ballast.Store(false) // it cannot help
	disk.tables.Store(true)
	disk.noSpace.Store(true)
	flushed, err := db.db.AsyncFlush()
	if err != nil {
		t.Fatal(err)
	}
	for disk.failures.Load() < 3 {
		wantValue(t, space, "key", "value")
	}
	disk.noSpace.Store(false)
	<-flushed
	put(t, space, "after", "value")
	wantValue(t, space, "key", "value")
}

// brokenLog fails every write and sync of the write-ahead log once it is told
// to.
func brokenLog(inner vfs.FS) (vfs.FS, *errorfs.Toggle) {
	toggle := &errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.HasSuffix(op.Path, ".log") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite &&
			op.Kind != errorfs.OpFileClose {
			return syscall.EIO
		}
		return nil
	})}
	return errorfs.Wrap(inner, toggle), toggle
}

// A write that did not reach the disk is not acknowledged and no write follows
// it, but reading continues.
func TestFailedLog(t *testing.T) {
	mem := vfs.NewCrashableMem()
	fsys, toggle := brokenLog(mem)
	db := mustOpen(t, fsys, "data")
	space := db.Space("a")
	put(t, space, "before", "value")
	toggle.On()
	if err := tryPut(space, "lost"); !errors.Is(err, ErrFailed) {
		t.Fatalf("a write that failed: %v", err)
	}
	toggle.Off()
	for range 3 {
		if err := tryPut(space, "later"); !errors.Is(err, ErrFailed) {
			t.Fatalf("a write after one that failed: %v", err)
		}
	}
	if err := db.Check(t.Context()); !errors.Is(err, ErrFailed) {
		t.Fatalf("check: %v", err)
	}
	wantValue(t, space, "before", "value")
	if err := db.Close(); err == nil {
		t.Log("closing reported nothing")
	}
	again := mustOpen(t, mem.CrashClone(vfs.CrashCloneCfg{}), "data")
	wantValue(t, again.Space("a"), "before", "value")
	put(t, again.Space("a"), "after", "value")
	mustClose(t, again)
}

// crashTest is the variable that allows a process of this test to crash.
const crashTest = "LOCALSTORE_TEST_CRASH"

// Writers that race with a failure of the log get an error, or the process
// ends. None is acknowledged, and none waits for ever.
func TestFailedLogUnderLoad(t *testing.T) {
	if os.Getenv(crashTest) != "" {
		failUnderLoad(t)
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestFailedLogUnderLoad$", "-test.timeout=60s")
	child.Env = append(os.Environ(), crashTest+"=1")
	output, err := child.CombinedOutput()
	if err != nil && !strings.Contains(string(output), "data directory failed") {
		t.Fatalf("%v\n%s", err, output)
	}
}

func failUnderLoad(t *testing.T) {
	fsys, toggle := brokenLog(vfs.NewMem())
	db := mustOpen(t, fsys, "data")
	space := db.Space("a")
	var group sync.WaitGroup
	for w := range 16 {
		group.Go(func() {
			defer func() { _ = recover() }() // as a handler does
			for n := 0; ; n++ {
				if err := tryPut(space, fmt.Sprint(w, n)); errors.Is(err, ErrFailed) {
					return
				} else if err != nil {
					t.Error(err)
					return
				}
				if w == 0 && n == 50 {
					toggle.On()
				}
			}
		})
	}
	group.Wait()
}

func TestVersionsNeverRepeat(t *testing.T) {
	db := openMem(t)
	space := db.Space("a")
	used := make(map[string]bool)
	for range 3 {
		versions, err := OpenVersions(space, []byte("session"))
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if text := versions.Next().String(); text == "" || used[text] {
				t.Fatalf("version %q was reused", text)
			} else {
				used[text] = true
			}
		}
	}
}

func BenchmarkRoomCheck(b *testing.B) {
	r := new(room)
	r.watch(vfs.Default, b.TempDir(), 1)
	r.ballast = true
	for b.Loop() {
		if r.due() {
			if err := r.check(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
