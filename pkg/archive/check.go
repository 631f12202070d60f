package archive

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Check reads every part and compares it with its description, and every event with the
// rules of the log. read is called with the number of bytes read. Errors: ErrDamaged,
// those of the file system and of ctx.
func (a *Archive) Check(ctx context.Context, read func(bytes int64)) error {
	c, err := newChecker(&a.Manifest.Header)
	if err != nil {
		return err
	}
	defer c.close()
	for i := range a.Manifest.Parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := &a.Manifest.Parts[i]
		if p.Size == 0 {
			continue
		}
		frame, err := a.frame(i)
		if err == nil {
			err = checkFrame(p, frame)
		}
		if err == nil {
			err = c.part(p, bytes.NewReader(frame))
		}
		if err != nil {
			return fmt.Errorf("part %d: %w", i+1, err)
		}
		read(p.Size)
	}
	return nil
}

func (a *Archive) frame(i int) ([]byte, error) {
	r, err := a.open(i)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // it was only read
	frame, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read part: %w", err)
	}
	return frame, nil
}

// open opens the bytes of a part.
func (a *Archive) open(i int) (io.ReadCloser, error) {
	p := &a.Manifest.Parts[i]
	if a.file != nil {
		return io.NopCloser(io.NewSectionReader(a.file, a.at[i], p.Size)), nil
	}
	f, err := os.Open(filepath.Join(a.path, partName(i+1)))
	if err != nil {
		return nil, fmt.Errorf("open part: %w", err)
	}
	return f, nil
}
