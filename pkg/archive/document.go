package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"reprise/pkg/event"
)

// A document is JSON in a skippable frame of zstd (RFC 8878, section 3.1.2), which
// decompressors pass over: the magic number, the length, the SHA-256 of the JSON, and
// the JSON.
const (
	skippable      = 0x184D2A5E
	skippableBytes = 8
)

// seal returns a document with its frame.
func seal(text []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, skippable)
	b = binary.LittleEndian.AppendUint32(b, uint32(sha256.Size+len(text))) // below maxDocument
	sum := sha256.Sum256(text)
	return append(append(b, sum[:]...), text...)
}

// errEnd says that a file ends where a document could begin.
var errEnd = errors.New("the end of the file")

// unseal reads a document.
func unseal(r io.Reader) (text []byte, err error) {
	var head [skippableBytes]byte
	n, err := io.ReadFull(r, head[:])
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		return nil, errEnd
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, damaged("it is cut off")
	case err != nil:
		return nil, fmt.Errorf("read export: %w", err)
	}
	size := binary.LittleEndian.Uint32(head[4:])
	if binary.LittleEndian.Uint32(head[:]) != skippable || size < sha256.Size || size > maxDocument {
		return nil, damaged("a part does not begin where the one before ends")
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, damaged("it is cut off")
	} else if err != nil {
		return nil, fmt.Errorf("read export: %w", err)
	}
	if sum := sha256.Sum256(body[sha256.Size:]); !bytes.Equal(sum[:], body[:sha256.Size]) {
		return nil, damaged("the checksum of a description is wrong")
	}
	return body[sha256.Size:], nil
}

// encode writes a document's JSON.
func encode(value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode export: %w", err)
	}
	if len(text) > maxDocument-sha256.Size {
		return nil, fmt.Errorf("encode export: a description has %d bytes", len(text))
	}
	return text, nil
}

// decode reads what encode wrote, and nothing else.
func decode(text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return damaged("a description is invalid: %v", err)
	}
	again, err := encode(into)
	if err != nil || !bytes.Equal(again, text) {
		return damaged("a description is not as it was written")
	}
	return nil
}

// decodeHeader reads a header. That of a newer format may have other members.
func decodeHeader(text []byte) (Header, error) {
	var kind struct {
		Kind   string `json:"reprise"`
		Format int    `json:"format"`
	}
	if json.Unmarshal(text, &kind) == nil && kind.Kind == kindExport && kind.Format > Format {
		return Header{}, &NewerFormat{kind.Format}
	}
	var h Header
	if err := decode(text, &h); err != nil {
		return Header{}, err
	}
	return h, h.check()
}

// total adds up the parts of an export.
type total struct {
	parts   int
	sum     Sum
	content event.Digest
	hash    hash.Hash
}

func newTotal(header []byte) *total {
	t := &total{hash: sha256.New()}
	_, _ = t.hash.Write(header) // a hash never fails
	return t
}

func (t *total) add(p *Part, text []byte) {
	t.parts++
	t.sum.Add(p.Sum)
	t.content = t.content.Add(p.Content)
	_, _ = t.hash.Write(text)
}

func (t *total) end() End {
	return End{kindEnd, t.parts, t.sum, t.content, hex.EncodeToString(t.hash.Sum(nil))}
}
