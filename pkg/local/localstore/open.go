package localstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Format is the version of the directory's layout. It changes when stored bytes
// change their meaning.
const Format = 1

// The errors with which Open refuses a directory. A retry helps only after the
// operator has changed something.
var (
	ErrInUse       = errors.New("data directory is in use by another process")
	ErrFormat      = errors.New("data directory was written by another version")
	ErrSettings    = errors.New("data directory was created with other settings")
	ErrNotADataDir = errors.New("directory holds something else")
)

// Settings are fixed when a directory is created and must be the same at every
// later opening.
type Settings struct {
	Lanes       int   `json:"lanes"`
	BucketWidth int64 `json:"bucketSeconds"`
}

// Options configure Open.
type Options struct {
	Settings Settings
	// FS is the file system; nil means the system's.
	FS vfs.FS
	// CacheBytes limits the block cache; 0 means 32 MiB.
	CacheBytes int64
	// ReserveBytes is the free space below which writes fail with ErrFull; 0
	// means 256 MiB. It must suffice for the buffers in memory (64 MiB) and one
	// compaction.
	ReserveBytes uint64
}

// DB is an open data directory. It is safe for concurrent use.
type DB struct {
	db     *pebble.DB
	lock   *pebble.Lock
	room   room
	failed atomic.Pointer[error]
}

// Open opens dir and creates it if it does not exist. It fails with ErrInUse,
// ErrFormat, ErrSettings or ErrNotADataDir without changing anything.
func Open(dir string, opts Options) (*DB, error) {
	fsys := opts.FS
	if fsys == nil {
		fsys = vfs.Default
		// The lock knows directories by their path: one directory, one path.
		whole, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", dir, err)
		}
		dir = whole
	}
	if err := prepare(fsys, dir); err != nil {
		return nil, err
	}
	lock, err := lockDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	// Check the format first: opening the database may already change it.
	if err := checkFormat(fsys, dir, opts.Settings); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	opened := &DB{lock: lock}
	watched := opened.room.watch(fsys, dir, opts.ReserveBytes)
	opened.db, err = pebble.Open(dir, pebbleOptions(watched, opts.CacheBytes, lock))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", dir, err), lock.Close())
	}
	return opened, nil
}

const (
	memTableBytes = 16 << 20
	// tableBytes is the size of a sorted table at every level. By default they
	// double from level to level; then the filters of the lowest grow to
	// megabytes each, do not stay in the cache, and are read again for a key.
	tableBytes = 4 << 20
)

func lockDir(fsys vfs.FS, dir string) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(dir, fsys)
	// The error of creating the file has a path, that of locking it has none.
	if path := new(fs.PathError); errors.As(err, &path) {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w: %w", dir, ErrInUse, err)
	}
	return lock, nil
}

func pebbleOptions(fsys vfs.FS, cacheBytes int64, lock *pebble.Lock) *pebble.Options {
	if cacheBytes == 0 {
		cacheBytes = 32 << 20
	}
	opts := &pebble.Options{
		FS:   fsys,
		Lock: lock,
		// Pebble reserves the memory of its buffers from the cache: the one being
		// written and the one being flushed would leave no room for blocks.
		CacheSize:                   cacheBytes + 2*memTableBytes,
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: 4,
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      quietLogger{},
	}
	// Most point reads check whether a key is new; filters answer that without
	// reading a block.
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		opts.TargetFileSizes[i] = tableBytes
	}
	return opts
}

// Space returns the key space of that name. Names must be short, constant and
// without zero bytes.
func (d *DB) Space(name string) *Space {
	return &Space{db: d, prefix: append([]byte(name), 0)}
}

// SizeBytes estimates the size of the database on disk.
func (d *DB) SizeBytes() uint64 { return d.db.Metrics().DiskSpaceUsage() }

// Check fails if the directory can no longer be written, so that the platform
// must stop accepting events.
func (d *DB) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.Space("check").Write(func(b *Batch) error { return b.Put(nil, []byte{1}) })
}

// Close flushes and releases the directory. Nothing may use the DB afterwards.
func (d *DB) Close() error {
	return errors.Join(d.db.Close(), d.lock.Close())
}
