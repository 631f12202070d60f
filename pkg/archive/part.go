package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"reprise/pkg/event"
)

// Event is an event of an export.
type Event struct {
	Position event.Position
	// Logged is the event's logged time in milliseconds since 1970.
	Logged int64
	// Line is the event's canonical encoding.
	Line []byte
}

// Encoded is a part and its compressed bytes.
type Encoded struct {
	Part  Part
	frame []byte
}

// Encoder compresses parts. It is safe for concurrent use.
type Encoder struct{ zstd *zstd.Encoder }

// NewEncoder returns an encoder. Close it to release its memory.
func NewEncoder() (*Encoder, error) {
	z, err := zstd.NewWriter(nil, zstd.WithWindowSize(windowBytes), zstd.WithEncoderCRC(true),
		zstd.WithEncoderConcurrency(2))
	if err != nil {
		return nil, fmt.Errorf("create zstd encoder: %w", err)
	}
	return &Encoder{z}, nil
}

// Close releases the encoder.
func (e *Encoder) Close() { _ = e.zstd.Close() }

// Builder gathers the events of a part. One goroutine may use it.
type Builder struct {
	part  Part
	plain []byte
}

// NewBuilder returns an empty part of a lane.
func NewBuilder(lane int) *Builder { return &Builder{part: Part{Lane: lane}} }

// Add adds an event, whose position follows those added before.
func (b *Builder) Add(e *Event) {
	if b.part.Events == 0 {
		b.part.First = e.Position
	}
	b.part.Last = e.Position
	b.part.Sum.Add(sumOf(e))
	b.part.Content = b.part.Content.Add(event.ContentOf(e.Line))
	b.plain = append(event.AppendPlaced(b.plain, e.Line, e.Position, e.Logged), '\n')
}

func sumOf(e *Event) Sum { return Sum{1, int64(len(e.Line)), event.DigestOf(e.Position, e.Line)} }

// Bytes is the length of the part's lines, which should not go on far beyond PartBytes.
func (b *Builder) Bytes() int64 { return b.part.Bytes }

// Part is where to note what was read.
func (b *Builder) Part() *Part { return &b.part }

// Seal compresses the part and begins the lane's next one.
func (b *Builder) Seal(with *Encoder) Encoded {
	done := Encoded{Part: b.part}
	if b.part.Events > 0 {
		done.frame = with.zstd.EncodeAll(b.plain, nil)
		sum := sha256.Sum256(done.frame)
		done.Part.Size, done.Part.SHA256 = int64(len(done.frame)), hex.EncodeToString(sum[:])
	}
	b.part, b.plain = Part{Lane: b.part.Lane}, b.plain[:0]
	return done
}
