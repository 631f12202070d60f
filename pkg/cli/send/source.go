package send

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// MaxLineBytes bounds a line. A batch of one such line just fits the largest
	// request body.
	MaxLineBytes = 4<<20 - 2
	// readBuffer is larger than most lines.
	readBuffer = 256 << 10
	// maxWindow bounds the window of a zstd frame, and so its memory.
	maxWindow = 128 << 20
)

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
	// utf8Mark is the byte order mark that may begin a text file.
	utf8Mark = []byte{0xef, 0xbb, 0xbf}
)

// Counter counts the bytes read from a file, before decompression. It is safe for
// concurrent use.
type Counter struct {
	from io.Reader
	read atomic.Int64
}

// NewCounter counts the bytes read from r.
func NewCounter(r io.Reader) *Counter { return &Counter{from: r} }

// Read implements io.Reader.
func (c *Counter) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	c.read.Add(int64(n))
	return n, err
}

// Bytes is the number of bytes read.
func (c *Counter) Bytes() int64 { return c.read.Load() }

// lines reads a text line by line and decompresses gzip and zstd, which it knows
// by their first bytes. close releases the decompressor.
type lines struct {
	buffer *bufio.Reader
	number int64
	long   []byte
	close  func()
}

func openLines(r io.Reader) (*lines, error) {
	raw := bufio.NewReaderSize(r, readBuffer)
	head, err := raw.Peek(len(zstdMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read input: %w", err)
	}
	l := &lines{buffer: raw, close: func() {}}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		unpacked, err := gzip.NewReader(raw)
		if err != nil {
			return nil, fmt.Errorf("read gzip: %w", unexpected(err))
		}
		l.buffer = bufio.NewReaderSize(unpacked, readBuffer)
	case bytes.HasPrefix(head, zstdMagic):
		unpacked, err := zstd.NewReader(raw, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("read zstd: %w", err)
		}
		l.buffer, l.close = bufio.NewReaderSize(unpacked, readBuffer), unpacked.Close
	}
	if mark, err := l.buffer.Peek(len(utf8Mark)); err == nil && bytes.Equal(mark, utf8Mark) {
		_, _ = l.buffer.Discard(len(utf8Mark))
	}
	return l, nil
}

// unexpected turns the end of a truncated file into io.ErrUnexpectedEOF, since
// io.EOF means that everything was read.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

var errLineTooLong = fmt.Errorf("the line is longer than %d bytes", MaxLineBytes)

// next returns the next line that is not blank, without surrounding white space,
// valid until the next call. It returns io.EOF at the end, and errLineTooLong for
// a line that is too long, which it skips.
func (l *lines) next() ([]byte, error) {
	for {
		line, err := l.line()
		if err != nil && len(line) == 0 {
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

// line reads up to the next line feed. The last line may lack it.
func (l *lines) line() ([]byte, error) {
	l.number++
	line, err := l.buffer.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return l.ended(line, err)
	}
	l.long = l.long[:0]
	tooLong := false
	for {
		if tooLong = tooLong || len(l.long)+len(line) > MaxLineBytes; !tooLong {
			l.long = append(l.long, line...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
		line, err = l.buffer.ReadSlice('\n')
	}
	if tooLong && (err == nil || errors.Is(err, io.EOF)) {
		return nil, errLineTooLong
	}
	return l.ended(l.long, err)
}

// ended returns a line that ends with a line feed or the text. A line cut by any
// other error is dropped.
func (l *lines) ended(line []byte, err error) ([]byte, error) {
	switch {
	case err == nil || (errors.Is(err, io.EOF) && len(line) > 0):
		return line, nil
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("the compressed data is cut off: %w", err)
	}
	return nil, fmt.Errorf("read after line %d: %w", l.number-1, err)
}
