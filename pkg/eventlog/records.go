package eventlog

import (
	"encoding/binary"
	"hash/fnv"
	"slices"

	"reprise/pkg/event"
)

const (
	// recordBytes is an entry of Records: a hash of the record's name, and how
	// many events it holds.
	recordBytes = 8 + 2
	// pageRecords is how many records make a page of the register, and
	// maxInline how many a head lists at most before it gives a page away. A
	// head with that many stays within one write unit.
	pageRecords = 16
	maxInline   = 24
)

// Records lists records of a lane in the order in which they were committed,
// with the number of events of each. What it lists is in the log, and of what
// lies between, nothing is.
type Records []byte

func (r Records) count() int { return len(r) / recordBytes }

// add returns the list with one more record, as append does.
func (r Records) add(record string, events int) Records {
	r = binary.BigEndian.AppendUint64(r, hashOf(record))
	return binary.BigEndian.AppendUint16(r, uint16(events)) // a record holds at most event.MaxIndex+1
}

func (r Records) hash(i int) uint64 { return binary.BigEndian.Uint64(r[i*recordBytes:]) }

func (r Records) events(i int) int64 { return int64(binary.BigEndian.Uint16(r[i*recordBytes+8:])) }

// find returns the place of a record, searching the newest first.
func (r Records) find(record string) (at int, found bool) {
	want := hashOf(record)
	for i := r.count() - 1; i >= 0; i-- {
		if r.hash(i) == want {
			return i, true
		}
	}
	return 0, false
}

// eventsFrom is the number of events of the records from one on.
func (r Records) eventsFrom(i int) (events int64) {
	for ; i < r.count(); i++ {
		events += r.events(i)
	}
	return events
}

func hashOf(record string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(record)) // it never fails
	return h.Sum64()
}

// PageEnd says that the first records of a head's list are a whole page of the
// register, which the next commits write to its own document.
type PageEnd struct {
	// Record is the name of the last record of the page, by which it is found.
	Record string `json:"record"`
	// Records is how many there are in the page.
	Records int `json:"records"`
}

// CountAt returns how many events the lane has up to the end of a record, if
// that is one of those that the head lists itself; Heads.CountAt knows the
// others.
func (h *Head) CountAt(end event.Position) (count int64, listed bool) {
	at, listed := h.Records.find(end.Record())
	if !listed {
		return 0, false
	}
	return h.Count - h.Records.eventsFrom(at+1), true
}

// list enters a record that is committed now.
func (h *Head) list(end event.Position, events int) {
	h.Records = h.Records.add(end.Record(), events)
}

// endPage closes the page that the list has grown to, unless one waits to be
// written.
func (h *Head) endPage() {
	if h.PageEnd == nil && h.Records.count() >= pageRecords {
		h.PageEnd = &PageEnd{Record: h.Position.Record(), Records: h.Records.count()}
	}
}

// givePage takes the page that is due out of the list. It follows from the head
// alone, so that every pump that finds the head so writes the same page.
func (h *Head) givePage() (page registerPage, due bool) {
	if h.PageEnd == nil || h.Records.count() < maxInline {
		return registerPage{}, false
	}
	n := h.PageEnd.Records
	page = registerPage{End: h.PageEnd.Record, Before: h.Count - h.Records.eventsFrom(0), Records: h.Records[:n*recordBytes]}
	h.Records = slices.Clone(h.Records[n*recordBytes:])
	h.PageEnd = nil
	return page, true
}
