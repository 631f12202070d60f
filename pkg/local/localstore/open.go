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

// Format is the version of the directory's layout that this program reads and
// writes. It changes when stored bytes change their meaning.
const Format = 1

// The reasons for which Open refuses a directory. None is worth a retry
// without a change by the operator.
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

// Options say how to open.
type Options struct {
	Settings Settings
	// FS is the file system; nil means the machine's own.
	FS vfs.FS
	// CacheBytes bounds the block cache; 0 means 32 MiB.
	CacheBytes int64
	// ReserveBytes is the free space below which writes fail with ErrFull; 0
	// means 256 MiB. It must hold what is buffered in memory (64 MiB) and a
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

// Open opens dir, creating it where it does not exist. It fails with ErrInUse,
// ErrFormat, ErrSettings or ErrNotADataDir, having changed nothing.
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
	// The format comes first: opening the database may already change it.
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
	// A file that cannot be created has a path in its error, a lock that cannot
	// be had has none.
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
		// Pebble takes what is buffered in memory from the cache: the one that is
		// written to and the one that is flushed would leave nothing for blocks.
		CacheSize:                   cacheBytes + 2*memTableBytes,
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: 4,
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      quietLogger{},
	}
	// Most point reads ask whether a key is new; the filters answer without
	// reading a block.
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		opts.TargetFileSizes[i] = tableBytes
	}
	return opts
}

// Space returns the key space of that name. Names are short, constant and
// without zero bytes.
func (d *DB) Space(name string) *Space {
	return &Space{db: d, prefix: append([]byte(name), 0)}
}

// SizeBytes is the space that the database takes on disk, estimated.
func (d *DB) SizeBytes() uint64 { return d.db.Metrics().DiskSpaceUsage() }

// Check reports whether the directory can still be written: a platform that
// cannot must stop accepting.
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
