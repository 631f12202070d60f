package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/control"
	"reprise/pkg/event"
)

// registerPage is a page of a lane's register, which lists every record of the
// lane's log. The end of the register is in the head; the rest is in pages, each
// found by the name of its last record. The Events table cannot say what is in the
// log, since a crashed or overtaken attempt leaves events there that were never
// committed.
type registerPage struct {
	// End is the name of the last record.
	End string `json:"end"`
	// Before is the number of the lane's events before the page.
	Before  int64   `json:"before"`
	Records Records `json:"records"`
}

// parallelPages bounds the pages that are loaded at a time.
const parallelPages = 16

func registerPartition(lane event.Lane) string { return "register#" + lane.String() }

// justBelow returns a text that sorts before name and after the names of all
// earlier records.
func justBelow(name string) string {
	if name == "" {
		return ""
	}
	return name[:len(name)-1] + string(rune(name[len(name)-1]-1)) + "~"
}

// page returns the page of the register that would list a record.
func (h Heads) page(ctx context.Context, lane event.Lane, record string) (page registerPage, found bool, err error) {
	docs, err := h.Table.List(ctx, registerPartition(lane), justBelow(record), 1)
	if err != nil {
		return page, false, fmt.Errorf("look for record in the register of lane %s: %w", lane, err)
	}
	if len(docs) == 0 {
		return page, false, nil
	}
	if err := json.Unmarshal(docs[0].Body, &page); err != nil {
		return page, false, fmt.Errorf("decode register of lane %s: %w", lane, err)
	}
	return page, true, nil
}

// Listed reports whether the register reaches back to a position that the head
// covers. It does not cover what an earlier version committed.
func (h *Head) Listed(at event.Position) bool { return h.Since != nil && at > *h.Since }

// CountAt returns how many events a lane has up to the end of a record, and
// whether the record is in the log. The register must reach back to the record
// (Head.Listed). It costs nothing for the latest records, else one read.
func (h Heads) CountAt(
	ctx context.Context, lane event.Lane, head *Head, end event.Position,
) (count int64, in bool, err error) {
	counted, err := h.CountsAt(ctx, lane, head, []event.Position{end})
	if err != nil {
		return 0, false, err
	}
	return counted[0].Events, counted[0].In, nil
}

// Counted is how many events a lane has up to the end of a record, if the record is
// in the log.
type Counted struct {
	Events int64
	In     bool
}

// CountsAt is CountAt for positions in ascending order. It costs a read for each page
// of the register that lists some of their records, and for each record that no page
// lists.
func (h Heads) CountsAt(
	ctx context.Context, lane event.Lane, head *Head, ends []event.Position,
) ([]Counted, error) {
	counted := make([]Counted, len(ends))
	var page registerPage
	for i, end := range ends {
		c := &counted[i]
		if c.Events, c.In = head.CountAt(end); c.In {
			continue
		}
		// Pages and positions ascend, so a page that ends before end is done with.
		if page.End < end.Record() {
			next, found, err := h.page(ctx, lane, end.Record())
			if err != nil {
				return nil, err
			}
			if !found {
				continue
			}
			page = next
		}
		c.Events, c.In = page.countAt(end.Record())
	}
	return counted, nil
}

func (p *registerPage) countAt(record string) (count int64, listed bool) {
	at, listed := p.Records.find(record)
	if !listed {
		return 0, false
	}
	return p.Before + p.Records[:(at+1)*recordBytes].eventsFrom(0), true
}

// InLog reports for each position whether its event is in the log, in the bucket
// with that manifest. Records that the head does not list cost a read each, several
// at a time.
func (h Heads) InLog(
	ctx context.Context, lane event.Lane, head *Head, m *Manifest, at []event.Position,
) ([]bool, error) {
	inside := func(p event.Position) bool { return p >= m.First && p <= m.Last && p <= head.Position }
	asked := make(map[string]*bool)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelPages)
	for _, p := range at {
		if !inside(p) || !head.Listed(p) || asked[p.Record()] != nil {
			continue
		}
		listed := new(bool)
		asked[p.Record()] = listed
		group.Go(func() (err error) {
			_, *listed, err = h.CountAt(ctx, lane, head, p)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	in := make([]bool, len(at))
	for i, p := range at {
		in[i] = inside(p) && (!head.Listed(p) || *asked[p.Record()])
	}
	return in, nil
}

// Roster is the set of records in one bucket of a lane, as of a head, for readers
// of a whole bucket. It takes 8 bytes per record and is safe for concurrent use.
type Roster struct {
	first, last event.Position
	head        *Head
	hashes      []uint64
}

// Roster loads the records of the bucket with that manifest.
func (h Heads) Roster(ctx context.Context, lane event.Lane, head *Head, m *Manifest) (*Roster, error) {
	r := &Roster{first: m.First, last: m.Last, head: head}
	if m.Count == 0 || !head.Listed(m.Last) {
		return r, nil
	}
	end := m.Last.Record()
	err := control.Each(ctx, h.Table, registerPartition(lane), justBelow(m.First.Record()),
		func(_ string, page registerPage) error {
			r.take(page.Records)
			if page.End >= end {
				return errStop
			}
			return nil
		})
	if err != nil && !errors.Is(err, errStop) {
		return nil, fmt.Errorf("read register of lane %s: %w", lane, err)
	}
	r.take(head.Records)
	slices.Sort(r.hashes)
	return r, nil
}

func (r *Roster) take(records Records) {
	for i := range records.count() {
		r.hashes = append(r.hashes, records.hash(i))
	}
}

// Has reports whether an event that the Events table has at a position in the
// roster's bucket is in the log. Otherwise it is the leftover of a commit that
// never moved the head.
func (r *Roster) Has(at event.Position) bool {
	if at < r.first || at > r.last {
		return false
	}
	if !r.head.Listed(at) {
		return true
	}
	_, found := slices.BinarySearch(r.hashes, hashOf(at.Record()))
	return found
}
