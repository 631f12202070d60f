package archive

import (
	"container/heap"
	"errors"
	"io"
)

// Events reads all events of an export, of all lanes, in the order of their logged
// times; those of a lane keep their order. It holds one event and one decompressor of
// each lane in memory, about 1 MiB. One goroutine may use it.
type Events struct {
	archive *Archive
	lanes   laneHeap
	// returned is set if the event on top was returned, so that its lane has to move on.
	returned bool
}

// laneEvents are the events of one lane.
type laneEvents struct {
	lane  int
	parts []int
	open  io.Closer
	plain *plainReader
	event Event
}

// Events begins to read. The export must have been checked. Close what it returns.
func (a *Archive) Events() (*Events, error) {
	byLane := make([]laneEvents, len(a.Manifest.Header.Lanes))
	for i := range a.Manifest.Parts {
		if p := &a.Manifest.Parts[i]; p.Size > 0 {
			byLane[p.Lane].parts = append(byLane[p.Lane].parts, i)
		}
	}
	all := &Events{archive: a}
	for i := range byLane {
		l := &byLane[i]
		l.lane = i
		err := l.next(a)
		if errors.Is(err, io.EOF) {
			continue
		}
		all.lanes = append(all.lanes, l)
		if err != nil {
			all.Close()
			return nil, err
		}
	}
	heap.Init(&all.lanes)
	return all, nil
}

// Next returns the next event, valid until the next call, and io.EOF at the end.
func (s *Events) Next() (*Event, error) {
	if s.returned {
		err := s.lanes[0].next(s.archive)
		switch {
		case errors.Is(err, io.EOF):
			heap.Pop(&s.lanes)
		case err != nil:
			return nil, err
		default:
			heap.Fix(&s.lanes, 0)
		}
	}
	if len(s.lanes) == 0 {
		return nil, io.EOF
	}
	s.returned = true
	return &s.lanes[0].event, nil
}

// Close ends reading.
func (s *Events) Close() {
	for _, l := range s.lanes {
		l.closePart()
	}
}

func (l *laneEvents) next(a *Archive) (err error) {
	for {
		if l.plain == nil {
			if len(l.parts) == 0 {
				return io.EOF
			}
			r, err := a.open(l.parts[0])
			if err != nil {
				return err
			}
			l.parts, l.open = l.parts[1:], r
			if l.plain, err = openPlain(r); err != nil {
				return err
			}
		}
		l.event, err = l.plain.next()
		if !errors.Is(err, io.EOF) {
			return err
		}
		l.closePart()
	}
}

func (l *laneEvents) closePart() {
	if l.plain != nil {
		l.plain.close()
		_ = l.open.Close() // it was only read
		l.plain = nil
	}
}

// laneHeap has the lane with the earliest event on top.
type laneHeap []*laneEvents

func (h laneHeap) Len() int { return len(h) }
func (h laneHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	return a.event.Logged < b.event.Logged || (a.event.Logged == b.event.Logged && a.lane < b.lane)
}
func (h laneHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *laneHeap) Push(x any) { *h = append(*h, x.(*laneEvents)) }

// Pop implements heap.Interface.
func (h *laneHeap) Pop() any {
	last := len(*h) - 1
	popped := (*h)[last]
	*h = (*h)[:last]
	return popped
}
