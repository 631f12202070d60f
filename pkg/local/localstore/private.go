package localstore

import (
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// privateFS is the system's file system, in which only the owner of the process
// can read what it creates, also in a directory that others may read.
//
// It waits while there are no file descriptors: Pebble would end the process if
// certain files could not be opened.
type privateFS struct{ vfs.FS }

const (
	ownerOnly = 0o600
	// descriptorPoll and descriptorTries bound the wait for a file descriptor to
	// about half a minute.
	descriptorPoll  = 50 * time.Millisecond
	descriptorTries = 600
)

func noDescriptor(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// opened opens a file once there is a descriptor for it. name is made private
// unless it is "".
func opened(name string, open func() (vfs.File, error)) (vfs.File, error) {
	file, err := open()
	for tries := 0; noDescriptor(err) && tries < descriptorTries; tries++ {
		time.Sleep(descriptorPoll)
		file, err = open()
	}
	if err != nil || name == "" {
		return file, err
	}
	if err := os.Chmod(name, ownerOnly); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Unwrap implements vfs.FS.
func (f privateFS) Unwrap() vfs.FS { return f.FS }

// Create implements vfs.FS.
func (f privateFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return opened(name, func() (vfs.File, error) { return f.FS.Create(name, c) })
}

// Open implements vfs.FS.
func (f privateFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	return opened("", func() (vfs.File, error) { return f.FS.Open(name, opts...) })
}

// OpenDir implements vfs.FS.
func (f privateFS) OpenDir(name string) (vfs.File, error) {
	return opened("", func() (vfs.File, error) { return f.FS.OpenDir(name) })
}

// OpenReadWrite implements vfs.FS.
func (f privateFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return opened(name, func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, opts...) })
}

// ReuseForWrite implements vfs.FS.
func (f privateFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return opened(to, func() (vfs.File, error) { return f.FS.ReuseForWrite(from, to, c) })
}

// makePrivate takes from others what an earlier version let them read.
func makePrivate(fsys vfs.FS, dir string) (err error) {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for _, name := range names {
		info, err := root.Lstat(name)
		if err != nil || !info.Mode().IsRegular() || info.Mode().Perm() == ownerOnly {
			continue
		}
		if err := root.Chmod(name, ownerOnly); err != nil {
			return err
		}
	}
	return nil
}

// maxOpenFiles is how many files Pebble may keep open: a third of what the process
// may, so that connections and files being written have theirs.
func maxOpenFiles() int {
	const most, least = 1000, 80
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return most
	}
	return int(max(least, min(most, limit.Cur/3)))
}
