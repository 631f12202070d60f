package dynamostore

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/klauspost/compress/zstd"

	"reprise/pkg/meter"
)

// A value that is text is a string attribute, readable in the console. Any other is
// binary; its first byte says what follows.
const (
	framePlain = 0
	frameZstd  = 1
	// maxDecoded is more than any adapter here writes.
	maxDecoded = 4 << 20
)

// ErrFrame says that no codec has written a stored value. A retry cannot help.
var ErrFrame = errors.New("stored value is damaged or of another layout")

// Codec encodes values. It is safe for concurrent use.
type Codec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

// NewCodec returns a codec. Close it to release its memory.
func NewCodec() (*Codec, error) {
	// Compress literals even if nothing repeats: base64 shrinks by a quarter.
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(512<<10),
		zstd.WithAllLitEntropyCompression(true))
	if err != nil {
		return nil, fmt.Errorf("create zstd encoder: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxDecoded))
	if err != nil {
		return nil, fmt.Errorf("create zstd decoder: %w", err)
	}
	return &Codec{encoder, decoder}, nil
}

// Close releases the codec, which must not be used afterwards.
func (c *Codec) Close() {
	_ = c.encoder.Close()
	c.decoder.Close()
}

// Plain encodes a copy of a value without compression.
func Plain(value []byte) types.AttributeValue {
	if utf8.Valid(value) {
		return Text(string(value))
	}
	return &types.AttributeValueMemberB{Value: Framed(value)}
}

// Framed returns the frame of a value without compression.
func Framed(value []byte) []byte { return append([]byte{framePlain}, value...) }

// Compress returns the frame of a compressed value.
func (c *Codec) Compress(value []byte) []byte {
	return c.encoder.EncodeAll(value, append(make([]byte, 0, len(value)/2+16), frameZstd))
}

// Decode is the inverse of Plain, Framed and Compress; nil decodes to no bytes. The
// caller owns the result.
func (c *Codec) Decode(value types.AttributeValue) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case *types.AttributeValueMemberS:
		return []byte(v.Value), nil
	case *types.AttributeValueMemberB:
		return c.decodeFrame(v.Value)
	}
	return nil, fmt.Errorf("decode value: %w", ErrFrame)
}

func (c *Codec) decodeFrame(frame []byte) ([]byte, error) {
	if len(frame) == 0 {
		return nil, fmt.Errorf("decode value: %w", ErrFrame)
	}
	switch frame[0] {
	case framePlain:
		return frame[1:], nil
	case frameZstd:
		value, err := c.decoder.DecodeAll(frame[1:], nil)
		if err != nil {
			return nil, fmt.Errorf("decompress value: %w", ErrFrame)
		}
		return value, nil
	}
	return nil, fmt.Errorf("decode value: %w", ErrFrame)
}

// Shrink compresses attributes of item if that makes the item cost fewer write units,
// else it leaves the item unchanged.
func (c *Codec) Shrink(item Item, attributes ...string) {
	size := ItemBytes(item)
	if meter.Write(size) <= 1 {
		return
	}
	smaller := make(Item, len(attributes))
	shrunk := size
	for _, name := range attributes {
		plain, err := c.Decode(item[name])
		if err != nil || len(plain) == 0 {
			continue
		}
		frame := &types.AttributeValueMemberB{Value: c.Compress(plain)}
		if saved := valueBytes(item[name]) - len(frame.Value); saved > 0 {
			smaller[name] = frame
			shrunk -= saved
		}
	}
	if meter.Write(shrunk) == meter.Write(size) {
		return
	}
	for name, value := range smaller {
		item[name] = value
	}
}
