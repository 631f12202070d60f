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
	// sampleBytes and sampleWrites say how much may be written between two
	// looks at the disk.
	sampleBytes  = 1 << 20
	sampleWrites = 64

	defaultReserve = 256 << 20

	// The ballast is a file of this size that is given up when the disk fills
	// between two looks.
	ballastBytes = 64 << 20
	ballastFile  = "BALLAST"
)

// room watches the space that is left on the disk. What is written in the
// background (flushes, compactions, the manifest) cannot be refused, and a
// database that fails there cannot go on; so writes are refused while there is
// still a reserve for it.
//
// Others fill disks too, and fast. The first operation that finds no space
// removes the ballast and is tried again, and from then on writes are refused
// as well, until there is the reserve again.
type room struct {
	fs      vfs.FS
	dir     string
	reserve uint64
	// bytes and writes count since the last look; full is its outcome.
	bytes, writes atomic.Int64
	full          atomic.Bool

	mu      sync.Mutex
	ballast bool
}

// watch wraps a file system with what gives up the ballast.
func (r *room) watch(fsys vfs.FS, dir string, reserve uint64) vfs.FS {
	if reserve == 0 {
		reserve = defaultReserve
	}
	r.fs, r.dir, r.reserve = fsys, dir, reserve
	r.writes.Store(sampleWrites) // so that the first write looks
	return vfs.OnDiskFull(fsys, r.ranOut)
}

// check returns ErrFull where less than the reserve is left. While the disk is
// full every call looks, so that writing goes on as soon as there is room.
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
		return fmt.Errorf("look at free space: %w", err)
	}
	if usage.AvailBytes < r.reserve {
		r.full.Store(true)
		return fmt.Errorf("%w: %d MiB are left, %d are kept in reserve", ErrFull, usage.AvailBytes>>20, r.reserve>>20)
	}
	return r.fill(usage.AvailBytes)
}

func (r *room) wrote(bytes int) { r.bytes.Add(int64(bytes)) }

// ranOut is called when an operation found no space, before it is tried again.
func (r *room) ranOut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full.Store(true)
	r.ballast = false
	// Where it cannot be removed, the operation will fail and say so.
	_ = r.fs.Remove(r.fs.PathJoin(r.dir, ballastFile))
}

// fill makes the ballast where it is missing and leaves the reserve free, and
// opens the way for writes.
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
	// A file system that cannot reserve space does without.
	if err := r.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
