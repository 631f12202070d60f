package ordered

import (
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// markerPrefix begins the names of Pebble's marker files, one of which names the manifest in
// use.
const markerPrefix = "marker."

// fileSystem is what New returns.
type fileSystem struct {
	vfs.FS
	dir string
}

// New returns a file system for a database in a directory. Pebble creates a manifest, then a
// marker that names it, removes the marker before, and only then makes these changes of the
// directory durable. A file system promises nothing about the order in which a power failure
// keeps them: a marker whose manifest is gone keeps the database from being opened, and a
// database without a marker counts as a new one. So what was done before is made durable
// before a marker is created, and before one is removed. Both happen at most when a database
// is opened and when a manifest has become too long.
func New(fsys vfs.FS, dir string) vfs.FS { return &fileSystem{fsys, dir} }

// Unwrap implements vfs.FS.
func (f *fileSystem) Unwrap() vfs.FS { return f.FS }

// Create implements vfs.FS.
func (f *fileSystem) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.before(name); err != nil {
		return nil, err
	}
	return f.FS.Create(name, c)
}

// Remove implements vfs.FS.
func (f *fileSystem) Remove(name string) error {
	if err := f.before(name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

// before makes the names in the directory durable if a marker is about to change.
func (f *fileSystem) before(name string) error {
	if !strings.HasPrefix(f.PathBase(name), markerPrefix) {
		return nil
	}
	dir, err := f.OpenDir(f.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
