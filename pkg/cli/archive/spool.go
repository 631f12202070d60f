package archive

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"reprise/pkg/archive"
	"reprise/pkg/event"
)

// spool sorts the events of a bucket, which the log returns entity by entity, by their
// positions. What does not fit into memory waits in temporary files. One goroutine may
// use it.
type spool struct {
	// most bounds the lines in memory.
	most   int
	events []archive.Event
	bytes  int
	// total is the length of all lines.
	total int64
	runs  []*os.File
}

func (s *spool) add(e archive.Event) error {
	s.events = append(s.events, e)
	s.bytes += len(e.Line)
	s.total += int64(len(e.Line))
	if s.bytes < s.most {
		return nil
	}
	return s.spill()
}

func (s *spool) sort() {
	slices.SortFunc(s.events, func(a, b archive.Event) int { return cmp.Compare(a.Position, b.Position) })
}

// spill writes the events in memory, sorted, to a file of their own.
func (s *spool) spill() error {
	s.sort()
	f, err := os.CreateTemp("", "reprise-export-*")
	if err != nil {
		return fmt.Errorf("create temporary file: %w", err)
	}
	s.runs = append(s.runs, f)
	w := bufio.NewWriterSize(f, 256<<10)
	for i := range s.events {
		placed := event.AppendPlaced(nil, s.events[i].Line, s.events[i].Position, s.events[i].Logged)
		if _, err := w.Write(binary.AppendUvarint(nil, uint64(len(placed)))); err != nil {
			return fmt.Errorf("write temporary file: %w", err)
		}
		if _, err := w.Write(placed); err != nil {
			return fmt.Errorf("write temporary file: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write temporary file: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind temporary file: %w", err)
	}
	clear(s.events)
	s.events, s.bytes = s.events[:0], 0
	return nil
}

// each calls visit for every event in the order of positions.
func (s *spool) each(visit func(*archive.Event) error) error {
	s.sort()
	if len(s.runs) == 0 {
		for i := range s.events {
			if err := visit(&s.events[i]); err != nil {
				return err
			}
		}
		return nil
	}
	var all runs
	for _, f := range s.runs {
		all = append(all, &run{from: bufio.NewReaderSize(f, 256<<10)})
	}
	all = append(all, &run{memory: s.events})
	return all.merge(visit)
}

// reset empties the spool and removes its files.
func (s *spool) reset() {
	for _, f := range s.runs {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
	clear(s.events)
	s.runs, s.events, s.bytes, s.total = nil, s.events[:0], 0, 0
}

// run is a sorted part of a spool, in a file or in memory.
type run struct {
	from   *bufio.Reader
	memory []archive.Event
	event  archive.Event
}

// next moves to the next event, and returns io.EOF at the end.
func (r *run) next() error {
	if r.from == nil {
		if len(r.memory) == 0 {
			return io.EOF
		}
		r.event, r.memory = r.memory[0], r.memory[1:]
		return nil
	}
	n, err := binary.ReadUvarint(r.from)
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	placed := make([]byte, n)
	if err == nil {
		_, err = io.ReadFull(r.from, placed)
	}
	if err == nil {
		r.event.Line, r.event.Position, r.event.Logged, err = event.SplitPlaced(placed)
	}
	if err != nil {
		return fmt.Errorf("read temporary file: %w", err)
	}
	return nil
}

// runs has the run with the earliest event on top.
type runs []*run

func (h *runs) merge(visit func(*archive.Event) error) error {
	begun := (*h)[:0]
	for _, r := range *h {
		err := r.next()
		if err == nil {
			begun = append(begun, r)
		} else if !errors.Is(err, io.EOF) {
			return err
		}
	}
	*h = begun
	heap.Init(h)
	for len(*h) > 0 {
		first := (*h)[0]
		if err := visit(&first.event); err != nil {
			return err
		}
		switch err := first.next(); {
		case err == nil:
			heap.Fix(h, 0)
		case errors.Is(err, io.EOF):
			heap.Pop(h)
		default:
			return err
		}
	}
	return nil
}

func (h runs) Len() int           { return len(h) }
func (h runs) Less(i, j int) bool { return h[i].event.Position < h[j].event.Position }
func (h runs) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *runs) Push(x any) { *h = append(*h, x.(*run)) }

// Pop implements heap.Interface.
func (h *runs) Pop() any {
	last := len(*h) - 1
	popped := (*h)[last]
	*h = (*h)[:last]
	return popped
}
