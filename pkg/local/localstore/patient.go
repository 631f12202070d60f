package localstore

import (
	"errors"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// patientFS is a file system that waits for room instead of failing: Pebble ends
// the process, or refuses all further writes, if certain writes fail. Meanwhile
// reads go on.
//
// A sync that found no space is not repeated: it may have dropped what it could
// not write, and the next one would succeed without it.
type patientFS struct {
	vfs.FS
	room *room
}

// roomPoll is how often a write that found no space is retried.
const roomPoll = 100 * time.Millisecond

func noSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// patiently repeats an operation until there is room for it. While the directory
// is opened it repeats it once, after it has removed the ballast.
func (r *room) patiently(op func() error) error {
	err := op()
	if !noSpace(err) {
		return err
	}
	opening := r.ranOut()
	if err = op(); !noSpace(err) || opening {
		return err
	}
	r.beginWait()
	defer r.endWait()
	for noSpace(err) {
		time.Sleep(roomPoll)
		if r.isClosed() {
			select {} // an error would end the process
		}
		err = op()
	}
	return err
}

// Unwrap implements vfs.FS.
func (f *patientFS) Unwrap() vfs.FS { return f.FS }

func (f *patientFS) file(open func() (vfs.File, error)) (file vfs.File, err error) {
	err = f.room.patiently(func() error {
		file, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &patientFile{File: file, room: f.room}, nil
}

// Create implements vfs.FS.
func (f *patientFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.file(func() (vfs.File, error) { return f.FS.Create(name, c) })
}

// OpenReadWrite implements vfs.FS.
func (f *patientFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.file(func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, opts...) })
}

// OpenDir implements vfs.FS.
func (f *patientFS) OpenDir(name string) (vfs.File, error) {
	return f.file(func() (vfs.File, error) { return f.FS.OpenDir(name) })
}

// ReuseForWrite implements vfs.FS.
func (f *patientFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.file(func() (vfs.File, error) { return f.FS.ReuseForWrite(from, to, c) })
}

// Link implements vfs.FS.
func (f *patientFS) Link(from, to string) error {
	return f.room.patiently(func() error { return f.FS.Link(from, to) })
}

// Rename implements vfs.FS.
func (f *patientFS) Rename(from, to string) error {
	return f.room.patiently(func() error { return f.FS.Rename(from, to) })
}

type patientFile struct {
	vfs.File
	room *room
}

// Write implements vfs.File.
func (f *patientFile) Write(p []byte) (n int, err error) {
	err = f.room.patiently(func() error {
		more, err := f.File.Write(p[n:])
		n += more
		return err
	})
	return n, err
}

// WriteAt implements vfs.File.
func (f *patientFile) WriteAt(p []byte, at int64) (n int, err error) {
	err = f.room.patiently(func() error {
		more, err := f.File.WriteAt(p[n:], at+int64(n))
		n += more
		return err
	})
	return n, err
}
