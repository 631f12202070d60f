package localstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The marks file is outside the database, and remembers what was acknowledged: a
// number that only grows for each of a fixed number of slots. The write-ahead log
// cannot say by itself that its end is missing, because a log that ends too early
// looks like one that was being written when the machine stopped. If the database
// lacks what a mark says, acknowledged writes are lost.
//
// A mark is written after the write it speaks of is on disk, so a mark is never
// ahead of the database without a loss. Marks are not synced at once, which would
// double the cost of a write: the operating system keeps them when a process is
// killed. After a power failure they may be behind by what the system had not yet
// written (half a minute on Linux), and such a loss is not noticed. Nor is the loss
// noticed if the marks file is replaced together with the database, by an older
// copy of the whole directory.
//
// The file begins with 64 bytes: magic and zeros. Slot i has 64 bytes at
// 64(i+1): two copies of number, time and checksum, written in turn, so that an
// interrupted write leaves the other copy.
const (
	marksFile  = "MARKS"
	marksMagic = "reprise marks 1\n"
	slotBytes  = 64
	copyBytes  = 32
	markBytes  = 8 + 8 + 4
)

// Mark is an acknowledged number and when it was acknowledged, in milliseconds
// since 1970.
type Mark struct {
	Number uint64
	At     int64
}

// Marks are the slots of the marks file. It is safe for concurrent use.
type Marks struct {
	file  vfs.File
	slots []slot
}

type slot struct {
	mu   sync.Mutex
	mark Mark
	turn int64
}

// MarksState says what was found.
type MarksState int

// The states of a marks file: there was none, it is sound, or a part of it cannot
// be used because it is damaged or has another number of slots.
const (
	MarksNew MarksState = iota
	MarksSound
	MarksUnusable
)

// OpenMarks opens the marks file of the directory with that many slots. What is
// unusable is replaced by slots without marks. Unless the directory is open for
// reading only, a missing file is created.
func (d *DB) OpenMarks(slots int) (*Marks, MarksState, error) {
	m := &Marks{slots: make([]slot, slots)}
	state, err := m.load(d)
	if err != nil || d.readOnly {
		return m, state, err
	}
	path := d.fs.PathJoin(d.dir, marksFile)
	if state != MarksSound {
		if err := m.create(d, path); err != nil {
			return nil, state, fmt.Errorf("create marks: %w", err)
		}
	}
	if m.file, err = d.fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified); err != nil {
		return nil, state, fmt.Errorf("open marks: %w", err)
	}
	d.marks = m
	return m, state, nil
}

func (m *Marks) load(d *DB) (MarksState, error) {
	file, err := d.fs.Open(d.fs.PathJoin(d.dir, marksFile))
	if errors.Is(err, fs.ErrNotExist) {
		return MarksNew, nil
	}
	if err != nil {
		return MarksNew, fmt.Errorf("open marks: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(file, int64(slotBytes*(len(m.slots)+1))+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return MarksNew, fmt.Errorf("read marks: %w", err)
	}
	if len(raw) != slotBytes*(len(m.slots)+1) || string(raw[:slotBytes]) != string(marksHeader()) {
		return MarksUnusable, nil
	}
	state := MarksSound
	for i := range m.slots {
		if !m.slots[i].decode(raw[slotBytes*(i+1):][:slotBytes]) {
			state = MarksUnusable
		}
	}
	return state, nil
}

func marksHeader() []byte {
	header := make([]byte, slotBytes)
	copy(header, marksMagic)
	return header
}

// create writes a file with the marks that could be read.
func (m *Marks) create(d *DB, path string) error {
	raw := marksHeader()
	for i := range m.slots {
		raw = append(raw, make([]byte, slotBytes)...)
		encodeMark(raw[len(raw)-slotBytes:], m.slots[i].mark)
		encodeMark(raw[len(raw)-copyBytes:], m.slots[i].mark)
	}
	scratch := path + ".tmp"
	file, err := d.fs.Create(scratch, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write(raw)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := d.fs.Rename(scratch, path); err != nil {
		return err
	}
	return syncDir(d.fs, d.dir)
}

func encodeMark(b []byte, mark Mark) {
	binary.BigEndian.PutUint64(b, mark.Number)
	binary.BigEndian.PutUint64(b[8:], uint64(mark.At))
	binary.BigEndian.PutUint32(b[16:], crc32.ChecksumIEEE(b[:16])+1) // zeros are no mark
}

// decode sets the slot to the newer of its sound copies; false if there is none.
func (s *slot) decode(raw []byte) (sound bool) {
	for turn := range int64(2) {
		b := raw[turn*copyBytes:][:markBytes]
		if binary.BigEndian.Uint32(b[16:]) != crc32.ChecksumIEEE(b[:16])+1 {
			continue
		}
		sound = true
		if number := binary.BigEndian.Uint64(b); number >= s.mark.Number {
			s.mark = Mark{number, int64(binary.BigEndian.Uint64(b[8:]))}
			s.turn = 1 - turn
		}
	}
	return sound
}

// Get returns the mark of a slot.
func (m *Marks) Get(slot int) Mark {
	s := &m.slots[slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mark
}

// Set raises the mark of a slot; a lower mark is ignored. It does not wait for the
// disk.
func (m *Marks) Set(slot int, mark Mark) error {
	s := &m.slots[slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.file == nil || mark.Number <= s.mark.Number {
		return nil
	}
	var b [markBytes]byte
	encodeMark(b[:], mark)
	if _, err := m.file.WriteAt(b[:], int64(slotBytes*(slot+1))+s.turn*copyBytes); err != nil {
		return fmt.Errorf("write mark: %w", err)
	}
	s.mark, s.turn = mark, 1-s.turn
	return nil
}

// close writes the marks to the disk.
func (m *Marks) close() error {
	if m == nil || m.file == nil {
		return nil
	}
	if err := errors.Join(m.file.Sync(), m.file.Close()); err != nil {
		return fmt.Errorf("close marks: %w", err)
	}
	return nil
}
