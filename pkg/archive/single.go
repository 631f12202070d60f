package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// Partial is at the end of the name of a file until the export in it is whole.
const Partial = ".partial"

// single keeps an export in one file, or sends it to a stream.
type single struct {
	out io.Writer
	// file is nil for a stream; path is its name once the export is whole.
	file *os.File
	path string
}

func createFile(path string) (store, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("create %s: %w", path, os.ErrExist)
	}
	s := &single{path: path}
	if err := s.open(os.O_CREATE | os.O_EXCL); err != nil {
		return nil, fmt.Errorf("create export: %w", err)
	}
	return s, nil
}

// open opens the file that is being written.
func (s *single) open(how int) (err error) {
	s.file, err = os.OpenFile(s.path+Partial, os.O_RDWR|how, 0o600)
	s.out = s.file
	return err
}

func (s *single) header(text []byte) error { return s.write(seal(text)) }

func (s *single) part(_ int, text, frame []byte) error { return s.write(append(seal(text), frame...)) }

func (s *single) write(b []byte) error {
	_, err := s.out.Write(b)
	return err
}

func (s *single) finish(m *Manifest) error {
	text, err := encode(m.End)
	if err == nil {
		err = s.write(seal(text))
	}
	if err != nil || s.file == nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	return os.Rename(s.path+Partial, s.path)
}

func (s *single) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// resumeFile reads what is whole of a partial file, and cuts the rest off.
func resumeFile(path string) (*Writer, error) {
	s := &single{path: path}
	if err := s.open(0); err != nil {
		return nil, err
	}
	w, err := s.resume()
	if err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	return w, nil
}

func (s *single) resume() (*Writer, error) {
	var docs [][]byte
	var ends []int64
	for {
		text, err := unseal(s.file)
		if err == nil && len(docs) > 0 {
			err = skipFrame(s.file, text)
		}
		if errors.Is(err, errEnd) || errors.Is(err, ErrDamaged) {
			break // what was being written when the export was interrupted
		}
		if err != nil {
			return nil, err
		}
		at, err := s.file.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		docs, ends = append(docs, text), append(ends, at)
	}
	if len(docs) == 0 {
		// Nothing but a piece of the header: begin anew.
		return nil, errors.Join(os.Remove(s.path+Partial), os.ErrNotExist)
	}
	w, counted, err := restore(s, docs)
	if err != nil {
		return nil, err
	}
	if err := s.file.Truncate(ends[counted]); err != nil {
		return nil, err
	}
	_, err = s.file.Seek(ends[counted], io.SeekStart)
	return w, err
}

// skipFrame reads the bytes of a part and checks them.
func skipFrame(r io.Reader, text []byte) error {
	var p Part
	if err := decode(text, &p); err != nil {
		return err
	}
	if p.Size < 0 || p.Size > maxFrame {
		return damaged("a part has %d bytes", p.Size)
	}
	frame, err := io.ReadAll(io.LimitReader(r, p.Size))
	if err != nil {
		return fmt.Errorf("read export: %w", err)
	}
	return checkFrame(&p, frame)
}

// maxFrame bounds a compressed part; incompressible text grows a little.
const maxFrame = 2*maxPlain + 1<<20

func checkFrame(p *Part, frame []byte) error {
	sum := sha256.Sum256(frame)
	switch {
	case int64(len(frame)) != p.Size:
		return damaged("a part is cut off")
	case p.Size == 0 && p.Events == 0 && p.SHA256 == "":
		return nil
	}
	want, err := hex.DecodeString(p.SHA256)
	if err != nil || !bytes.Equal(want, sum[:]) {
		return damaged("the checksum of a part is wrong")
	}
	return nil
}
