package localstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/local/localstore/ordered"
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
	// CacheBytes limits the block cache; 0 means 24 MiB.
	CacheBytes int64
	// ReserveBytes is the free space below which writes fail with ErrFull; 0
	// means DefaultReserve. It must suffice for the buffers in memory (64 MiB) and
	// one compaction; with less, more writes wait for room on a full disk.
	ReserveBytes uint64
	// Describe describes the keys of a space, by its name, without showing their
	// contents, for reports of damage.
	Describe map[string]func(key []byte) string
	// Crash ends the process when the database cannot continue; nil means a panic.
	// cause has no stored contents.
	Crash func(cause string)
}

// DB is an open data directory. It is safe for concurrent use.
type DB struct {
	db       *pebble.DB
	lock     *pebble.Lock
	fs       vfs.FS
	dir      string
	room     room
	damages  damages
	pacer    *pacer
	logger   quietLogger
	marks    *Marks
	readOnly bool
	writes   atomic.Uint64
	failed   atomic.Pointer[error]
	// lockInfo is the lock file, nil if it is not watched.
	lockInfo os.FileInfo
}

// Open opens dir and creates it if it does not exist. It fails with ErrInUse,
// ErrFormat, ErrSettings or ErrNotADataDir without changing anything, with
// ErrFull if a new directory has no room, and with ErrDamaged if a file that is
// needed to open it cannot be read.
//
// If less than the reserve is free, it opens an existing directory for reading
// only: every write fails with ErrFull. Close it and open it again once HasRoom.
func Open(dir string, opts Options) (*DB, error) {
	fsys := opts.FS
	if fsys == nil {
		fsys = privateFS{vfs.Default}
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
	opened := &DB{
		lock:    lock,
		fs:      fsys,
		dir:     dir,
		damages: damages{describe: opts.Describe, now: time.Now},
		logger:  quietLogger{opts.Crash},
	}
	if opts.FS == nil {
		err = errors.Join(makePrivate(fsys, dir), opened.watchLock())
	}
	if err == nil {
		err = opened.open(opts)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", dir, err), lock.Close())
	}
	return opened, nil
}

func (d *DB) open(opts Options) error {
	watched := d.room.watch(d.fs, d.dir, opts.ReserveBytes)
	d.room.setOpening(true)
	defer d.room.setOpening(false)
	free, known, err := d.room.free()
	if err != nil {
		return err
	}
	if known && free < d.room.reserve {
		return d.openToRead(watched, opts, free)
	}
	d.db, err = d.openPebble(watched, opts)
	if noSpace(err) {
		return d.openToRead(watched, opts, 0)
	}
	return err
}

// openToRead opens an existing database without writing anything.
func (d *DB) openToRead(watched vfs.FS, opts Options, free uint64) (err error) {
	d.readOnly = true
	d.room.full.Store(true)
	desc, err := pebble.Peek(d.dir, d.fs)
	if err != nil {
		return readError("find database", err)
	}
	if !desc.Exists {
		return d.room.fullError(free)
	}
	d.db, err = d.openPebble(watched, opts)
	return err
}

func (d *DB) openPebble(watched vfs.FS, opts Options) (*pebble.DB, error) {
	d.pacer = newPacer(time.Now)
	db, err := pebble.Open(d.dir, d.pebbleOptions(watched, opts.CacheBytes))
	if err != nil {
		d.pacer.Unregister()
		return nil, readError("open database", err)
	}
	return db, nil
}

// ReadOnly reports whether the directory was opened for reading only, because the
// disk is full.
func (d *DB) ReadOnly() bool { return d.readOnly }

// HasRoom reports whether at least the reserve is free and nothing waits for
// room.
func (d *DB) HasRoom() bool { return d.Room().Enough }

const (
	memTableBytes = 8 << 20
	// stopWrites is the depth of the highest level at which writes wait for
	// compactions. Pebble would wait forever for one that cannot read a damaged
	// file, so Pebble's own limit is far higher: see throttle.
	stopWrites        = 12
	damagedStopWrites = 1000
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

func (d *DB) pebbleOptions(fsys vfs.FS, cacheBytes int64) *pebble.Options {
	if cacheBytes == 0 {
		cacheBytes = 24 << 20
	}
	opts := &pebble.Options{
		FS:       ordered.New(fsys, d.dir),
		Lock:     d.lock,
		ReadOnly: d.readOnly,
		// Pebble reserves the memory of its buffers from the cache: the one being
		// written and the one being flushed would leave no room for blocks.
		CacheSize:                   cacheBytes + 2*memTableBytes,
		MemTableSize:                memTableBytes,
		MaxOpenFiles:                maxOpenFiles(),
		MemTableStopWritesThreshold: 4,
		L0StopWritesThreshold:       damagedStopWrites,
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      d.logger,
		EventListener: &pebble.EventListener{
			DataCorruption: d.damages.report,
			CompactionEnd:  d.pacer.compacted,
		},
	}
	opts.Experimental.CompactionScheduler = d.pacer
	// Most point reads check whether a key is new; filters answer that without
	// reading a block.
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		opts.TargetFileSizes[i] = tableBytes
	}
	return opts
}

// ReserveBytes is the free space below which writes fail with ErrFull.
func (d *DB) ReserveBytes() uint64 { return d.room.reserve }

// Failed reports whether writes fail with ErrFailed.
func (d *DB) Failed() bool { return d.failed.Load() != nil }

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

// Close flushes and releases the directory. Nothing may use the DB afterwards. If
// the database waits for room, Close leaves it to the end of the process: what
// was acknowledged is in the write-ahead log.
func (d *DB) Close() error {
	d.room.close()
	if d.room.isStuck() {
		return d.lock.Close()
	}
	return errors.Join(d.marks.close(), d.db.Close(), d.lock.Close())
}
