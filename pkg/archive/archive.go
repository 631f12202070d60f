package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Archive is an export that is whole by its descriptions. Check reads the rest. It is
// safe for concurrent use.
type Archive struct {
	Manifest Manifest
	// Bytes is the length of all compressed parts.
	Bytes int64

	path string
	// file has all parts at these offsets; nil if each has a file of its own.
	file  io.ReaderAt
	at    []int64
	close func() error
}

// Read is Open for a file of that size that is open already, or in memory.
func Read(r io.ReaderAt, size int64) (*Archive, error) {
	a := &Archive{file: r}
	err := a.read(io.NewSectionReader(r, 0, size), size)
	if err == nil {
		err = a.judge()
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// Open opens a file or a directory. It reads the descriptions of all parts, and none of
// their contents. Errors: ErrDamaged, *NewerFormat, those of the file system.
func Open(path string) (*Archive, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	a := &Archive{path: path}
	if info.IsDir() {
		err = a.openFolder()
	} else {
		err = a.openFile()
	}
	if err == nil {
		err = a.judge()
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// Close closes the export's file.
func (a *Archive) Close() error {
	if a.close == nil {
		return nil
	}
	return a.close()
}

func (a *Archive) openFile() error {
	f, err := os.Open(a.path)
	if err != nil {
		return err
	}
	a.file, a.close = f, f.Close
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return a.read(io.NewSectionReader(f, 0, info.Size()), info.Size())
}

// read reads the documents of a file of that size.
func (a *Archive) read(r io.ReadSeeker, size int64) error {
	text, err := document(r)
	if err != nil {
		return err
	}
	if a.Manifest.Header, err = decodeHeader(text); err != nil {
		return err
	}
	for {
		if text, err = document(r); err != nil {
			return err
		}
		if isEnd(text) {
			break
		}
		if err := a.place(r, text, size); err != nil {
			return err
		}
	}
	if err := decode(text, &a.Manifest.End); err != nil {
		return err
	}
	if at, err := r.Seek(0, io.SeekCurrent); err != nil || at != size {
		return damaged("something follows its end")
	}
	return nil
}

func document(r io.Reader) ([]byte, error) {
	text, err := unseal(r)
	if errors.Is(err, errEnd) {
		return nil, damaged("its end is missing: it was cut off, or never finished")
	}
	return text, err
}

func isEnd(text []byte) bool {
	var kind struct {
		Kind string `json:"reprise"`
	}
	return json.Unmarshal(text, &kind) == nil && kind.Kind == kindEnd
}

// place notes where a part lies, and passes over it.
func (a *Archive) place(r io.ReadSeeker, text []byte, size int64) error {
	var p Part
	if err := decode(text, &p); err != nil {
		return err
	}
	at, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if p.Size < 0 || p.Size > size-at {
		return damaged("a part is cut off")
	}
	a.Manifest.Parts, a.at = append(a.Manifest.Parts, p), append(a.at, at)
	_, err = r.Seek(p.Size, io.SeekCurrent)
	return err
}

func (a *Archive) openFolder() error {
	text, err := os.ReadFile(filepath.Join(a.path, manifestName))
	if errors.Is(err, os.ErrNotExist) {
		return damaged("%s has no %s: it is no export, or was never finished", a.path, manifestName)
	}
	if err != nil {
		return err
	}
	var newer struct {
		Header json.RawMessage `json:"header"`
	}
	if json.Unmarshal(text, &newer) == nil {
		if _, err := decodeHeader(newer.Header); err != nil {
			return err
		}
	}
	if err := json.Unmarshal(text, &a.Manifest); err != nil {
		return damaged("its manifest is invalid: %v", err)
	}
	if again, err := encodeManifest(&a.Manifest); err != nil || !bytes.Equal(again, text) {
		return damaged("its manifest is not as it was written")
	}
	for i := range a.Manifest.Parts {
		p := &a.Manifest.Parts[i]
		if p.Size == 0 {
			continue
		}
		info, err := os.Stat(filepath.Join(a.path, partName(i+1)))
		if err != nil || info.Size() != p.Size {
			return damaged("%s is missing or has another length", partName(i+1))
		}
	}
	return nil
}

func encodeAny(value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode export: %w", err)
	}
	return text, nil
}

// judge compares the descriptions with each other.
func (a *Archive) judge() error {
	m := &a.Manifest
	if err := m.Header.check(); err != nil {
		return err
	}
	header, err := encode(m.Header)
	if err != nil {
		return err
	}
	sums := newTotal(header)
	lanes := make([]laneState, len(m.Header.Lanes))
	for i := range m.Parts {
		p := &m.Parts[i]
		text, err := encode(p)
		if err != nil {
			return err
		}
		if p.Lane < 0 || p.Lane >= len(lanes) {
			return damaged("part %d is of lane %d", i+1, p.Lane)
		}
		if err := lanes[p.Lane].follow(p, m.Header.Lanes[p.Lane]); err != nil {
			return fmt.Errorf("part %d: %w", i+1, err)
		}
		sums.add(p, text)
		a.Bytes += p.Size
	}
	if sums.end() != m.End {
		return damaged("its parts are not those that it counts at its end")
	}
	for i := range lanes {
		if !lanes[i].done {
			return damaged("lane %d is not whole", i)
		}
	}
	return nil
}

// laneState is how far the parts of a lane are judged.
type laneState struct {
	done bool
	last string
}

func (l *laneState) follow(p *Part, cut Lane) error {
	switch {
	case l.done:
		return damaged("its lane ended before")
	case (p.Events == 0) != (p.Size == 0) || p.Events < 0 || p.Size < 0 || p.Size > maxFrame || p.Bytes > maxPlain:
		return damaged("it has %d events in %d bytes", p.Events, p.Size)
	case p.Events > 0 && (string(p.First) <= l.last || p.Last < p.First || p.Last > cut.Position):
		return damaged("its positions are not in the order of its lane, or beyond the cut")
	case p.Open && p.Done:
		return damaged("it ends its lane in the middle of a bucket")
	}
	if p.Events > 0 {
		l.last = string(p.Last)
	}
	l.done = p.Done
	return nil
}
