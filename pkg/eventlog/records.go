package eventlog

import (
	"encoding/binary"
	"hash/fnv"
	"slices"

	"reprise/pkg/event"
)

const (
	// recordBytes is the size of an entry of Records: a hash of the record's name,
	// and its number of events.
	recordBytes = 8 + 2
	// pageRecords is the least number of records in a page of the register. A
	// head that lists maxInline records, which still fit one write unit, gives
	// its complete page away.
	pageRecords = 16
	maxInline   = 24
)

// Records lists consecutive records of a lane's log in the order of their commits,
// each with its number of events.
type Records []byte

func (r Records) count() int { return len(r) / recordBytes }

// add appends a record.
func (r Records) add(record string, events int) Records {
	r = binary.BigEndian.AppendUint64(r, hashOf(record))
	return binary.BigEndian.AppendUint16(r, uint16(events)) // a record holds at most event.MaxIndex+1
}

func (r Records) hash(i int) uint64 { return binary.BigEndian.Uint64(r[i*recordBytes:]) }

func (r Records) events(i int) int64 { return int64(binary.BigEndian.Uint16(r[i*recordBytes+8:])) }

// find returns the index of a record, searching the newest first.
func (r Records) find(record string) (at int, found bool) {
	want := hashOf(record)
	for i := r.count() - 1; i >= 0; i-- {
		if r.hash(i) == want {
			return i, true
		}
	}
	return 0, false
}

// eventsFrom is the number of events in record i and those after it.
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

// PageEnd says that the first records of a head's list are a complete page of the
// register, which a later commit writes to its own document.
type PageEnd struct {
	// Record is the name of the page's last record, which is the page's key.
	Record string `json:"record"`
	// Records is the number of records in the page.
	Records int `json:"records"`
}

// CountAt returns how many events the lane has up to the end of a record that the
// head itself lists; Heads.CountAt also finds the others.
func (h *Head) CountAt(end event.Position) (count int64, listed bool) {
	at, listed := h.Records.find(end.Record())
	if !listed {
		return 0, false
	}
	return h.Count - h.Records.eventsFrom(at+1), true
}

// closePage marks the list as a complete page if it is long enough, unless a page
// waits to be written already.
func (h *Head) closePage() {
	if h.PageEnd == nil && h.Records.count() >= pageRecords {
		h.PageEnd = &PageEnd{Record: h.Position.Record(), Records: h.Records.count()}
	}
}

// takePage removes the page that is due from the list. The page depends on the head
// alone, so that every pump that loads this head writes the same page.
func (h *Head) takePage() (page registerPage, due bool) {
	if h.PageEnd == nil || h.Records.count() < maxInline {
		return registerPage{}, false
	}
	n := h.PageEnd.Records
	page = registerPage{
		End:     h.PageEnd.Record,
		Before:  h.Count - h.Records.eventsFrom(0),
		Records: h.Records[:n*recordBytes],
	}
	h.Records = slices.Clone(h.Records[n*recordBytes:])
	h.PageEnd = nil
	return page, true
}
