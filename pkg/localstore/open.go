package localstore

import (
	"context"
	"encoding/json"
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

type formatRecord struct {
	Format int `json:"format"`
	Settings
}

// Open opens dir, creating it where it does not exist. It fails with ErrInUse,
// ErrFormat, ErrSettings or ErrNotADataDir, having changed nothing.
func Open(dir string, opts Options) (*DB, error) {
	fsys := opts.FS
	if fsys == nil {
		fsys = vfs.Default
	}
	fresh, err := prepare(fsys, dir)
	if err != nil {
		return nil, err
	}
	lock, err := pebble.LockDirectory(dir, fsys)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, ErrInUse)
	}
	db, err := pebble.Open(dir, pebbleOptions(fsys, opts.CacheBytes, lock))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", dir, err), lock.Close())
	}
	opened := &DB{db: db, lock: lock}
	opened.room.init(fsys, dir, opts.ReserveBytes)
	if err := opened.checkFormat(fresh, opts.Settings); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return opened, nil
}

// prepare reports whether dir is to be created, and refuses a directory that
// holds files but no database.
func prepare(fsys vfs.FS, dir string) (bool, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(names) == 0) {
		if err := fsys.MkdirAll(dir, 0o700); err != nil {
			return false, fmt.Errorf("create %s: %w", dir, err)
		}
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("list %s: %w", dir, err)
	}
	for _, name := range names {
		if matched, _ := filepath.Match("MANIFEST-*", name); matched {
			return false, nil
		}
	}
	if onlyLock := len(names) == 1 && names[0] == "LOCK"; onlyLock {
		return true, nil
	}
	return false, fmt.Errorf("open %s: %w", dir, ErrNotADataDir)
}

func pebbleOptions(fsys vfs.FS, cacheBytes int64, lock *pebble.Lock) *pebble.Options {
	if cacheBytes == 0 {
		cacheBytes = 32 << 20
	}
	opts := &pebble.Options{
		FS:                          fsys,
		Lock:                        lock,
		CacheSize:                   cacheBytes,
		MemTableSize:                16 << 20,
		MemTableStopWritesThreshold: 4,
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      quietLogger{},
	}
	// Most point reads ask whether a key is new; the filters answer without
	// reading a block.
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return opts
}

// checkFormat compares the directory's format record with what this program
// was asked for, or writes it where the directory is new.
func (d *DB) checkFormat(fresh bool, want Settings) error {
	space := d.Space("format")
	raw, found, err := space.Get(nil)
	if err != nil {
		return err
	}
	if !found {
		return d.writeFormat(space, want)
	}
	var have formatRecord
	if err := json.Unmarshal(raw, &have); err != nil {
		return fmt.Errorf("decode format record: %w", ErrFormat)
	}
	if have.Format != Format {
		return fmt.Errorf("%w: it has format %d, this program reads %d", ErrFormat, have.Format, Format)
	}
	if have.Settings != want {
		return fmt.Errorf("%w: it has %d lanes and buckets of %d s, asked for are %d lanes and buckets of %d s",
			ErrSettings, have.Lanes, have.BucketWidth, want.Lanes, want.BucketWidth)
	}
	return nil
}

func (d *DB) writeFormat(space *Space, want Settings) error {
	raw, err := json.Marshal(formatRecord{Format: Format, Settings: want})
	if err != nil {
		return fmt.Errorf("encode format record: %w", err)
	}
	return space.Write(func(b *Batch) error { return b.Put(nil, raw) })
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

// quietLogger keeps Pebble's progress messages out of the program's output.
// What fails is returned by the call that failed.
type quietLogger struct{}

func (quietLogger) Infof(string, ...any)  {}
func (quietLogger) Errorf(string, ...any) {}

// Fatalf is called where Pebble cannot go on without risking what is stored.
// Pebble expects it not to return.
func (quietLogger) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf("pebble: "+format, args...))
}
