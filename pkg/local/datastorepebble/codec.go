package datastorepebble

import (
	"encoding/binary"
	"errors"
	"fmt"

	"reprise/pkg/event"
)

// Rows and marks are stored as their fields in a fixed order: numbers as
// varints, texts and bytes after their length. JSON would compact and escape the
// projection's state, which must not change, and take longer than the write.

// layout is the first byte of a stored row or mark.
const layout = 1

var errLayout = errors.New("stored value is damaged or of another layout")

func appendText[T ~string | ~[]byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendDigest(b []byte, d event.Digest) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, d.Hi), d.Lo)
}

// decoder decodes fields in order. After its first error it returns zeros.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = fmt.Errorf("decode stored value: %w", errLayout)
	}
	d.rest = nil
}

func (d *decoder) begin() {
	if b := d.take(1); d.err == nil && b[0] != layout {
		d.fail()
	}
}

// end returns the first error, or an error if bytes are left over.
func (d *decoder) end() error {
	if d.err == nil && len(d.rest) > 0 {
		d.fail()
	}
	return d.err
}

func (d *decoder) take(n int) []byte {
	if n > len(d.rest) {
		d.fail()
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) number() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// length reads a count of things of at least one byte each.
func (d *decoder) length() int {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || v > uint64(len(d.rest)-n) {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return int(v)
}

func (d *decoder) text() string { return string(d.take(d.length())) }

// bytes returns a copy, nil if it is empty.
func (d *decoder) bytes() []byte {
	b := d.take(d.length())
	if len(b) == 0 {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

func (d *decoder) digest() event.Digest {
	b := d.take(16)
	if b == nil {
		return event.Digest{}
	}
	return event.Digest{Hi: binary.BigEndian.Uint64(b), Lo: binary.BigEndian.Uint64(b[8:])}
}
