package archive

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// store keeps the documents and parts of an export that is being written.
type store interface {
	// header writes the first document.
	header(text []byte) error
	// part writes a part's description and its bytes.
	part(number int, text, frame []byte) error
	// finish makes the export whole.
	finish(m *Manifest) error
	close() error
}

// Writer writes an export. It is safe for concurrent use.
type Writer struct {
	// Header is what the export is of.
	Header Header

	mu    sync.Mutex
	store store
	total *total
	parts []Part
}

// Create begins an export in a new file, or in a new or empty directory if directory is
// set. Until Finish, a file has another name, with Partial at its end.
func Create(path string, directory bool, h Header) (*Writer, error) {
	var s store
	var err error
	if directory {
		s, err = createFolder(path)
	} else {
		s, err = createFile(path)
	}
	if err != nil {
		return nil, err
	}
	return begin(s, h)
}

// Stream begins an export that goes to w and cannot go on after an interruption.
func Stream(w io.Writer, h Header) (*Writer, error) { return begin(&single{out: w}, h) }

func begin(s store, h Header) (*Writer, error) {
	h.Kind, h.Format = kindExport, Format
	text, err := encode(h)
	if err == nil {
		err = h.check()
	}
	if err == nil {
		err = s.header(text)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return &Writer{Header: h, store: s, total: newTotal(text)}, nil
}

// Resume opens an export that was interrupted, after its last part from which it can go
// on, and removes what follows. found is false if there is none.
func Resume(path string, directory bool) (w *Writer, found bool, err error) {
	if directory {
		w, err = resumeFolder(path)
	} else {
		w, err = resumeFile(path)
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, false, nil
	}
	return w, err == nil, err
}

// Parts are the parts written so far.
func (w *Writer) Parts() []Part {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Part(nil), w.parts...)
}

// Add writes a part that is not open.
func (w *Writer) Add(p Encoded) error {
	return w.Group(func(add func(Encoded) error) error { return add(p) })
}

// Group writes parts of one lane, the last of which is not open; no other lane's part
// comes between them. After an interruption either all of them count, or the reader of
// the lane begins again before the first.
func (w *Writer) Group(write func(add func(Encoded) error) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return write(w.add)
}

func (w *Writer) add(p Encoded) error {
	text, err := encode(p.Part)
	if err == nil {
		err = w.store.part(len(w.parts)+1, text, p.frame)
	}
	if err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	w.taken(p.Part, text)
	return nil
}

// Finish makes the export whole and closes it.
func (w *Writer) Finish() (Manifest, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := Manifest{w.Header, w.parts, w.total.end()}
	if err := w.store.finish(&m); err != nil {
		return Manifest{}, fmt.Errorf("finish export: %w", errors.Join(err, w.store.close()))
	}
	return m, w.store.close()
}

// Close leaves an export unfinished.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.store.close()
}

// taken adds a part that is stored already.
func (w *Writer) taken(p Part, text []byte) {
	w.total.add(&p, text)
	w.parts = append(w.parts, p)
}

// restore makes the writer of an export with these documents, the header first. It
// returns how many of the parts count.
func restore(s store, docs [][]byte) (*Writer, int, error) {
	header, err := decodeHeader(docs[0])
	if err != nil {
		return nil, 0, err
	}
	parts := make([]Part, len(docs)-1)
	counted := 0
	for i := range parts {
		if err := decode(docs[i+1], &parts[i]); err != nil {
			return nil, 0, err
		}
		if !parts[i].Open {
			counted = i + 1
		}
	}
	w := &Writer{Header: header, store: s, total: newTotal(docs[0])}
	for i := range counted {
		w.taken(parts[i], docs[i+1])
	}
	return w, counted, nil
}
