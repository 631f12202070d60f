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

	// DefaultReserve is the free space that is kept in reserve.
	DefaultReserve = 256 << 20

	// The ballast is a file of this size that is removed if the disk fills up
	// between two checks.
	ballastBytes = 64 << 20
	ballastFile  = "BALLAST"
)

// room watches the free space on the disk. The database's background writes
// (flushes, compactions, the manifest) cannot be refused; so writes are refused
// while there is still a reserve for the background.
//
// Other programs may fill the disk quickly. The first operation that finds no
// space removes the ballast and is retried, and from then on writes are refused
// until the reserve is free again. If the ballast does not suffice, operations
// wait for room.
type room struct {
	fs      vfs.FS
	dir     string
	reserve uint64
	// bytes and writes count since the last check; full is its result.
	bytes, writes atomic.Int64
	full          atomic.Bool

	mu      sync.Mutex
	ballast bool
	// waiting counts the operations that wait for room; stuck is closed while
	// there are any.
	waiting int
	stuck   chan struct{}
	// opening is set while the directory is opened: then nothing waits.
	opening bool
	closed  bool
}

// watch wraps a file system so that a lack of space removes the ballast, and
// operations wait for room.
func (r *room) watch(fsys vfs.FS, dir string, reserve uint64) vfs.FS {
	if reserve == 0 {
		reserve = DefaultReserve
	}
	r.fs, r.dir, r.reserve, r.stuck = fsys, dir, reserve, make(chan struct{})
	r.writes.Store(sampleWrites) // so that the first write looks
	return &patientFS{FS: fsys, room: r}
}

// due reports whether the next write must check the disk. While the disk is full
// every write does, so that writes resume as soon as there is room.
func (r *room) due() bool {
	if !r.full.Load() && r.writes.Add(1) < sampleWrites && r.bytes.Load() < sampleBytes {
		return false
	}
	r.writes.Store(0)
	r.bytes.Store(0)
	return true
}

// check returns ErrFull if less than the reserve is free.
func (r *room) check() error {
	free, known, err := r.free()
	if err != nil || !known {
		return err
	}
	if free < r.reserve {
		r.full.Store(true)
		return r.fullError(free)
	}
	return r.fill(free)
}

// free returns the free space, or false if the file system does not know it.
func (r *room) free() (free uint64, known bool, err error) {
	usage, err := r.fs.GetDiskUsage(r.dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read free space: %w", err)
	}
	return usage.AvailBytes, true, nil
}

func (r *room) fullError(free uint64) error {
	return fmt.Errorf("%w: %d MiB are left, %d are kept in reserve", ErrFull, free>>20, r.reserve>>20)
}

func (r *room) wrote(bytes int) { r.bytes.Add(int64(bytes)) }

// ranOut is called when an operation found no space, before it is retried. It
// reports whether the directory is still being opened.
func (r *room) ranOut() (opening bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full.Store(true)
	r.ballast = false
	// If the ballast cannot be removed, the retried operation waits.
	_ = r.fs.Remove(r.fs.PathJoin(r.dir, ballastFile))
	return r.opening
}

func (r *room) beginWait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting++; r.waiting == 1 {
		close(r.stuck)
	}
}

func (r *room) endWait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting--; r.waiting == 0 {
		r.stuck = make(chan struct{})
	}
}

// isStuck reports whether operations of the database wait for room.
func (r *room) isStuck() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waiting > 0
}

// whenStuck is closed once operations of the database wait for room.
func (r *room) whenStuck() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stuck
}

// close leaves operations that wait for room waiting forever.
func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

func (r *room) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// setOpening says whether the directory is being opened.
func (r *room) setOpening(opening bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opening = opening
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

// Room is the space on the disk at a moment.
type Room struct {
	// Free is the free space in bytes, unless it is not Known.
	Free  uint64
	Known bool
	// Enough is what HasRoom reports.
	Enough bool
	// Err is why the free space could not be read.
	Err error
}

// Room reads the free space once.
func (d *DB) Room() Room {
	free, known, err := d.room.free()
	enough := err == nil && (!known || free >= d.room.reserve)
	return Room{Free: free, Known: known && err == nil, Enough: enough && !d.room.isStuck(), Err: err}
}
