package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

const (
	// TargetBytes is the size of lines from which a record takes no more. With
	// one more event of the largest size, a record stays below Kinesis's 1 MiB
	// even if nothing can be compressed.
	TargetBytes = 512 << 10
	// MaxEvents bounds the events of a record: an index has 16 bits.
	MaxEvents = 10_000
	// maxDecodedBytes bounds a record before compression.
	maxDecodedBytes = 2 << 20
	// minCompressed is the size below which compression is not worth it.
	minCompressed = 256
)

// ErrMalformed is the error of bytes that are not a record. Retrying cannot help.
var ErrMalformed = errors.New("malformed record")

// Codec packs and unpacks records. It is safe for concurrent use.
type Codec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

// NewCodec returns a codec. Close it to release its memory.
func NewCodec() (*Codec, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(512<<10))
	if err != nil {
		return nil, fmt.Errorf("create zstd encoder: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxDecodedBytes))
	if err != nil {
		return nil, fmt.Errorf("create zstd decoder: %w", err)
	}
	return &Codec{encoder: encoder, decoder: decoder}, nil
}

// Close releases the codec, which must not be used afterwards.
func (c *Codec) Close() {
	_ = c.encoder.Close()
	c.decoder.Close()
}

// Pack builds a record from a header, whose Version and Events it sets, and the
// lines of 1 to MaxEvents events, none empty and none with a newline. It returns
// ErrMalformed for other lines and for a record above 2 MiB before compression,
// which Unpack would refuse.
func (c *Codec) Pack(header Header, lines [][]byte) ([]byte, error) {
	if err := packable(lines); err != nil {
		return nil, err
	}
	header.Version, header.Events = Version, len(lines)
	head, err := json.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("encode record header: %w", err)
	}
	size := len(head) + len(lines)
	for _, line := range lines {
		size += len(line)
	}
	if size > maxDecodedBytes {
		return nil, fmt.Errorf("pack %d bytes: %w", size, ErrMalformed)
	}
	plain := append(make([]byte, 0, size), head...)
	for _, line := range lines {
		plain = append(append(plain, '\n'), line...)
	}
	if len(plain) < minCompressed {
		return plain, nil
	}
	packed := c.encoder.EncodeAll(plain, make([]byte, 0, len(plain)/3))
	if len(packed) >= len(plain) {
		return plain, nil
	}
	return packed, nil
}

func packable(lines [][]byte) error {
	if len(lines) < 1 || len(lines) > MaxEvents {
		return fmt.Errorf("pack %d events: %w", len(lines), ErrMalformed)
	}
	for _, line := range lines {
		if len(line) == 0 || bytes.IndexByte(line, '\n') >= 0 {
			return fmt.Errorf("pack event that is not one line: %w", ErrMalformed)
		}
	}
	return nil
}

// Unpack is the inverse of Pack. The lines share one buffer, which the caller
// owns. Its error is ErrMalformed; if only the lines are malformed, it also
// returns the header.
func (c *Codec) Unpack(data []byte) (Header, [][]byte, error) {
	plain, err := c.plain(data)
	if err != nil {
		return Header{}, nil, err
	}
	head, rest, _ := bytes.Cut(plain, []byte{'\n'})
	var header Header
	if err := json.Unmarshal(head, &header); err != nil {
		return Header{}, nil, fmt.Errorf("decode record header: %w", ErrMalformed)
	}
	if header.Version != Version {
		return Header{}, nil, fmt.Errorf("read record of version %d: %w", header.Version, ErrMalformed)
	}
	lines, err := split(rest, header.Events)
	return header, lines, err
}

func (c *Codec) plain(data []byte) ([]byte, error) {
	if len(data) > 0 && data[0] == '{' {
		if len(data) > maxDecodedBytes {
			return nil, fmt.Errorf("read record of %d bytes: %w", len(data), ErrMalformed)
		}
		return data, nil
	}
	plain, err := c.decoder.DecodeAll(data, nil)
	if err != nil {
		return nil, fmt.Errorf("decompress record: %w", ErrMalformed)
	}
	return plain, nil
}

func split(rest []byte, events int) ([][]byte, error) {
	if events < 1 || events > MaxEvents || bytes.Count(rest, []byte{'\n'}) != events-1 {
		return nil, fmt.Errorf("count %d events of record: %w", events, ErrMalformed)
	}
	lines := make([][]byte, 0, events)
	for len(lines) < events {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte{'\n'})
		if len(line) == 0 {
			return nil, fmt.Errorf("read empty line of record: %w", ErrMalformed)
		}
		lines = append(lines, line)
	}
	return lines, nil
}
