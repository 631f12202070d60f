package localstore

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// sampleBytes and sampleWrites say how much may be written between two
	// looks at the disk.
	sampleBytes  = 1 << 20
	sampleWrites = 64

	defaultReserve = 256 << 20
)

// room watches the space that is left on the disk. What is written in the
// background (flushes, compactions, the manifest) cannot be refused, and a
// database that fails there cannot go on; so writes are refused while there is
// still a reserve for it.
type room struct {
	fs      vfs.FS
	dir     string
	reserve uint64
	// bytes and writes count since the last look; full is its outcome.
	bytes, writes atomic.Int64
	full          atomic.Bool
}

func (r *room) init(fsys vfs.FS, dir string, reserve uint64) {
	if reserve == 0 {
		reserve = defaultReserve
	}
	r.fs, r.dir, r.reserve = fsys, dir, reserve
	r.writes.Store(sampleWrites) // so that the first write looks
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
	full := usage.AvailBytes < r.reserve
	r.full.Store(full)
	if full {
		return fmt.Errorf("%w: %d MiB are left, %d are kept in reserve", ErrFull, usage.AvailBytes>>20, r.reserve>>20)
	}
	return nil
}

func (r *room) wrote(bytes int) { r.bytes.Add(int64(bytes)) }
