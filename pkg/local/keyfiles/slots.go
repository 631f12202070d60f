package keyfiles

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/storefault"
)

// SlotsName is the name of the file with the wrapped keys.
const SlotsName = "slots"

const (
	// slotBytes divides a disk's sector, so that no slot lies in two.
	slotBytes = 128
	// A slot is the length of its key, or 0 once that is destroyed, the key, and the
	// checksum of both.
	maxKeyBytes = slotBytes - 1 - crc32.Size
	fileMode    = 0o600
	dirMode     = 0o700
)

// ErrDamaged means that a slot has neither a key nor what is left of a destroyed one.
var ErrDamaged = errors.New("a slot of the keys' file is damaged")

// Slots keeps wrapped keys; it implements personal.Material. It is safe for concurrent
// use by one process.
type Slots struct {
	mu   sync.Mutex
	fs   vfs.FS
	dir  string
	file vfs.File
	next int64
}

// NewSlots keeps keys in a directory. The file is made with the first key, so that a
// platform without personal fields has none.
func NewSlots(fs vfs.FS, dir string) *Slots { return &Slots{fs: fs, dir: dir} }

// open opens the file, which it makes if create is set. It reports false if there is none.
func (s *Slots) open(create bool) (bool, error) {
	if s.file != nil {
		return true, nil
	}
	name := s.fs.PathJoin(s.dir, SlotsName)
	_, err := s.fs.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		if !create {
			return false, nil
		}
		err = s.fs.MkdirAll(s.dir, dirMode)
	}
	if err != nil {
		return false, fault("look for the keys' file", err)
	}
	file, err := s.fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return false, fault("open the keys' file", err)
	}
	info, err := file.Stat()
	if err == nil {
		err = private(name)
	}
	if err == nil {
		err = syncDirs(s.fs, s.dir)
	}
	if err != nil {
		return false, errors.Join(fault("open the keys' file", err), file.Close())
	}
	s.file, s.next = file, (info.Size()+slotBytes-1)/slotBytes
	return true, nil
}

// Keep implements personal.Material.
func (s *Slots) Keep(keys [][]byte) ([]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.open(true); err != nil {
		return nil, err
	}
	text := make([]byte, 0, len(keys)*slotBytes)
	places := make([]int64, len(keys))
	for i, key := range keys {
		if len(key) == 0 || len(key) > maxKeyBytes {
			return nil, fmt.Errorf("keep a key of %d bytes: a slot has room for %d", len(key), maxKeyBytes)
		}
		text = append(text, slot(key)...)
		places[i] = s.next + int64(i)
	}
	if err := s.write(text, s.next); err != nil {
		return nil, fault("keep keys", err)
	}
	s.next += int64(len(keys))
	return places, nil
}

// slot is the content of a slot; without a key, that of a destroyed one.
func slot(key []byte) []byte {
	text := make([]byte, slotBytes)
	text[0] = byte(len(key))
	copy(text[1:], key)
	binary.BigEndian.PutUint32(text[slotBytes-crc32.Size:], crc32.ChecksumIEEE(text[:slotBytes-crc32.Size]))
	return text
}

// write writes slots and returns once they are on the disk.
func (s *Slots) write(text []byte, place int64) error {
	if _, err := s.file.WriteAt(text, place*slotBytes); err != nil {
		return err
	}
	return s.file.Sync()
}

// Read implements personal.Material.
func (s *Slots) Read(place int64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := s.read(place)
	if err != nil {
		return nil, err
	}
	if text[0] == 0 {
		return nil, nil
	}
	return text[1 : 1+text[0]], nil
}

func (s *Slots) read(place int64) ([]byte, error) {
	found, err := s.open(false)
	if err != nil {
		return nil, err
	}
	if !found || place < 0 || place >= s.next {
		return nil, fmt.Errorf("read slot %d: %w: the file %s is missing or too short: restore it together with the rest "+
			"of the data directory", place, ErrDamaged, s.fs.PathJoin(s.dir, SlotsName))
	}
	text := make([]byte, slotBytes)
	if _, err := s.file.ReadAt(text, place*slotBytes); err != nil {
		return nil, fault("read a key", err)
	}
	sum := binary.BigEndian.Uint32(text[slotBytes-crc32.Size:])
	if text[0] > maxKeyBytes || sum != crc32.ChecksumIEEE(text[:slotBytes-crc32.Size]) {
		return nil, fmt.Errorf("read slot %d: %w", place, ErrDamaged)
	}
	return text, nil
}

// Destroy implements personal.Material.
func (s *Slots) Destroy(places ...int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.open(false)
	if err != nil {
		return err
	}
	for _, place := range places {
		if !found || place < 0 || place >= s.next {
			continue // there is nothing to destroy
		}
		if _, err := s.file.WriteAt(slot(nil), place*slotBytes); err != nil {
			return fault("destroy a key", err)
		}
	}
	if !found {
		return nil
	}
	if err := s.file.Sync(); err != nil {
		return fault("destroy a key", err)
	}
	return nil
}

// Close closes the file. It does nothing for nil.
func (s *Slots) Close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// private makes a file readable for its owner only. A file of a test is in the memory.
func private(name string) error {
	if err := os.Chmod(name, fileMode); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// syncDirs makes the entries of a directory and the directory itself durable.
func syncDirs(fs vfs.FS, dir string) error {
	for _, name := range []string{dir, fs.PathDir(dir)} {
		d, err := fs.OpenDir(name)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
	}
	return nil
}

func fault(what string, err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		err = errors.Join(storefault.ErrFull, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
