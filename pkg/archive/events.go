package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"reprise/pkg/event"
)

// maxPlain bounds the text of a part: lines of maxPartBytes with two more attributes.
const maxPlain = 4 * maxPartBytes

// plainReader reads the lines of a part.
type plainReader struct {
	zstd *zstd.Decoder
	text *bufio.Reader
}

func openPlain(r io.Reader) (*plainReader, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(1<<20), zstd.WithDecoderMaxMemory(maxPlain))
	if err != nil {
		return nil, fmt.Errorf("create zstd decoder: %w", err)
	}
	return &plainReader{z, bufio.NewReaderSize(io.LimitReader(z, maxPlain+1), 64<<10)}, nil
}

// reset begins with another part.
func (p *plainReader) reset(r io.Reader) error {
	if err := p.zstd.Reset(r); err != nil {
		return fmt.Errorf("reset zstd decoder: %w", err)
	}
	p.text.Reset(io.LimitReader(p.zstd, maxPlain+1))
	return nil
}

func (p *plainReader) close() { p.zstd.Close() }

// next returns the next event, and io.EOF at the end.
func (p *plainReader) next() (Event, error) {
	placed, err := p.text.ReadBytes('\n')
	if errors.Is(err, io.EOF) && len(placed) == 0 {
		return Event{}, io.EOF
	}
	if err != nil {
		return Event{}, damaged("a part cannot be decompressed: %v", err)
	}
	line, at, logged, err := event.SplitPlaced(placed[:len(placed)-1])
	if err != nil {
		return Event{}, damaged("a line is not an event of a log: %v", err)
	}
	return Event{Position: at, Logged: logged, Line: line}, nil
}

// checker compares parts with their descriptions and events with the rules of the log.
type checker struct {
	header *Header
	lanes  *event.Lanes
	// logged is the last logged time of each lane.
	logged []int64
	plain  *plainReader
}

func newChecker(h *Header) (*checker, error) {
	lanes, err := event.NewLanes(len(h.Lanes))
	if err != nil {
		return nil, damaged("it has %d lanes", len(h.Lanes))
	}
	plain, err := openPlain(nil)
	if err != nil {
		return nil, err
	}
	return &checker{h, lanes, make([]int64, len(h.Lanes)), plain}, nil
}

func (c *checker) close() { c.plain.close() }

// part reads a part, whose checksum is right.
func (c *checker) part(p *Part, r io.Reader) error {
	if err := c.plain.reset(r); err != nil {
		return err
	}
	var have Part
	for {
		e, err := c.plain.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = c.event(p, &have, &e)
		}
		if err != nil {
			return err
		}
	}
	if have.Sum != p.Sum || have.Content != p.Content || have.First != p.First || have.Last != p.Last {
		return damaged("its events are not those that it counts")
	}
	return nil
}

func (c *checker) event(p, have *Part, e *Event) error {
	parsed, err := event.Parse(string(e.Line))
	if err == nil {
		err = parsed.AdmitReserved(true)
	}
	if err != nil {
		return damaged("the event at %s cannot be in a log: %v", e.Position, err)
	}
	masked := c.header.Masked != nil && c.header.Masked.Entities
	switch {
	case string(parsed.AppendJSON(nil)) != string(e.Line):
		return damaged("the event at %s is not in canonical form", e.Position)
	case have.Events > 0 && e.Position <= have.Last:
		return damaged("the event at %s is not in the order of its lane", e.Position)
	case e.Logged < c.logged[p.Lane]:
		return damaged("the event at %s was logged before the one before it", e.Position)
	case !masked && int(c.lanes.Of(parsed.Subject)) != p.Lane:
		return damaged("the event at %s lies in another lane", e.Position)
	}
	if have.Events == 0 {
		have.First = e.Position
	}
	have.Last, c.logged[p.Lane] = e.Position, e.Logged
	have.Sum.Add(sumOf(e))
	have.Content = have.Content.Add(event.ContentOf(e.Line))
	return nil
}
