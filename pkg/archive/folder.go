package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	// manifestName is the file that makes a directory a whole export.
	manifestName = "manifest.json"
	// journalName is the file with the documents of an unfinished one.
	journalName = "unfinished"
)

// folder keeps an export in a directory: a file for each part.
type folder struct {
	path    string
	journal *os.File
}

func partName(number int) string { return fmt.Sprintf("part-%06d.jsonl.zst", number) }

func createFolder(path string) (store, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("create export: %w", err)
	}
	have, err := os.ReadDir(path)
	if err == nil && len(have) > 0 {
		err = os.ErrExist
	}
	if err != nil {
		return nil, fmt.Errorf("create export in %s: %w", path, err)
	}
	d := &folder{path: path}
	if err := d.open(os.O_CREATE | os.O_EXCL); err != nil {
		return nil, fmt.Errorf("create export: %w", err)
	}
	return d, nil
}

// open opens the journal.
func (d *folder) open(how int) (err error) {
	d.journal, err = os.OpenFile(filepath.Join(d.path, journalName), os.O_RDWR|how, 0o600)
	return err
}

func (d *folder) header(text []byte) error {
	_, err := d.journal.Write(seal(text))
	return err
}

func (d *folder) part(number int, text, frame []byte) error {
	if len(frame) > 0 {
		if err := os.WriteFile(filepath.Join(d.path, partName(number)), frame, 0o600); err != nil {
			return err
		}
	}
	_, err := d.journal.Write(seal(text))
	return err
}

func (d *folder) finish(m *Manifest) error {
	text, err := encodeManifest(m)
	if err != nil {
		return err
	}
	name := filepath.Join(d.path, manifestName)
	if err := os.WriteFile(name+Partial, text, 0o600); err != nil {
		return err
	}
	return errors.Join(os.Rename(name+Partial, name), os.Remove(filepath.Join(d.path, journalName)))
}

func (d *folder) close() error { return d.journal.Close() }

func resumeFolder(path string) (*Writer, error) {
	d := &folder{path: path}
	if err := d.open(0); err != nil {
		return nil, err
	}
	w, err := d.resume()
	if err != nil {
		return nil, errors.Join(err, d.journal.Close())
	}
	return w, nil
}

func (d *folder) resume() (*Writer, error) {
	var docs [][]byte
	var ends []int64
	for {
		text, err := unseal(d.journal)
		if err == nil && len(docs) > 0 {
			err = d.check(len(docs), text)
		}
		if errors.Is(err, errEnd) || errors.Is(err, ErrDamaged) || errors.Is(err, os.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		at, err := d.journal.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		docs, ends = append(docs, text), append(ends, at)
	}
	if len(docs) == 0 {
		return nil, errors.Join(os.Remove(filepath.Join(d.path, journalName)), os.ErrNotExist)
	}
	w, counted, err := restore(d, docs)
	if err != nil {
		return nil, err
	}
	// Files of parts that do not count are overwritten or, behind the last, removed.
	for n := counted + 1; ; n++ {
		if err := os.Remove(filepath.Join(d.path, partName(n))); err != nil {
			break
		}
	}
	if err := d.journal.Truncate(ends[counted]); err != nil {
		return nil, err
	}
	_, err = d.journal.Seek(ends[counted], io.SeekStart)
	return w, err
}

// check checks the file of a part.
func (d *folder) check(number int, text []byte) error {
	var p Part
	if err := decode(text, &p); err != nil || p.Size == 0 {
		return err
	}
	frame, err := os.ReadFile(filepath.Join(d.path, partName(number)))
	if err != nil {
		return err
	}
	return checkFrame(&p, frame)
}

func encodeManifest(m *Manifest) ([]byte, error) {
	var b bytes.Buffer
	for _, piece := range []struct {
		before string
		value  any
	}{{`{"header":`, m.Header}, {`,` + "\n" + `"parts":`, m.Parts}, {`,` + "\n" + `"end":`, m.End}} {
		text, err := encodeAny(piece.value)
		if err != nil {
			return nil, err
		}
		b.WriteString(piece.before)
		b.Write(text)
	}
	b.WriteString("}\n")
	return b.Bytes(), nil
}
