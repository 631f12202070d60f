package localstore

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// sampleBytes and sampleWrites limit what may be written between two checks
	// of the disk.
	sampleBytes  = 1 << 20
	sampleWrites = 64

	defaultReserve = 256 << 20

	// The ballast is a file of this size that is removed if the disk fills up
	// between two checks.
	ballastBytes = 64 << 20
	ballastFile  = "BALLAST"
)

// room watches the free space on the disk. The database's background writes
// (flushes, compactions, the manifest) cannot be refused, and the database cannot
// continue if one fails; so writes are refused while there is still a reserve for
// the background.
//
// Other programs may fill the disk quickly. The first operation that finds no
// space removes the ballast and is retried, and from then on writes are refused
// until the reserve is free again.
type room struct {
	fs      vfs.FS
	dir     string
	reserve uint64
	// bytes and writes count since the last check; full is its result.
	bytes, writes atomic.Int64
	full          atomic.Bool

	mu      sync.Mutex
	ballast bool
}

// watch wraps a file system so that a lack of space removes the ballast.
func (r *room) watch(fsys vfs.FS, dir string, reserve uint64) vfs.FS {
	if reserve == 0 {
		reserve = defaultReserve
	}
	r.fs, r.dir, r.reserve = fsys, dir, reserve
	r.writes.Store(sampleWrites) // so that the first write looks
	return vfs.OnDiskFull(fsys, r.ranOut)
}

// check returns ErrFull if less than the reserve is free. While the disk is full
// every call checks it, so that writes resume as soon as there is room.
func (r *room) check() error {
	if !r.full.Load() && r.writes.Add(1) < sampleWrites && r.bytes.Load() < sampleBytes {
		return nil
	}
	r.writes.Store(0)
	r.bytes.Store(0)
	usage, err := r.fs.GetDiskUsage(r.dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read free space: %w", err)
	}
	if usage.AvailBytes < r.reserve {
		r.full.Store(true)
		return fmt.Errorf("%w: %d MiB are left, %d are kept in reserve", ErrFull, usage.AvailBytes>>20, r.reserve>>20)
	}
	return r.fill(usage.AvailBytes)
}

func (r *room) wrote(bytes int) { r.bytes.Add(int64(bytes)) }

// ranOut is called when an operation found no space, before it is retried.
func (r *room) ranOut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full.Store(true)
	r.ballast = false
	// If the ballast cannot be removed, the retried operation fails.
	_ = r.fs.Remove(r.fs.PathJoin(r.dir, ballastFile))
}

// fill makes the ballast if it is missing and the reserve stays free, and allows
// writes again.
func (r *room) fill(available uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ballast && available >= r.reserve+ballastBytes {
		if err := r.makeBallast(); err != nil {
			return fmt.Errorf("make ballast: %w", err)
		}
		r.ballast = true
	}
	r.full.Store(false)
	return nil
}

func (r *room) makeBallast() error {
	path := r.fs.PathJoin(r.dir, ballastFile)
	file, err := r.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	err = errors.Join(file.Preallocate(0, ballastBytes), file.Close())
	if err == nil {
		return nil
	}
	// A file system that cannot reserve space has no ballast.
	if err := r.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
