package datastorepebble

import (
	"encoding/binary"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// appendRow appends a row. The position comes first, because a condition reads
// only it. The indexed position comes last and only if it is set, so that other
// rows are stored as they were before there was an index; likewise what belongs to
// corrections comes after it.
func appendRow(b []byte, r *datastore.Row) []byte {
	b = appendParked(appendFields(b, r), r.Parked)
	corrected := r.Corrected()
	if r.Indexed == "" && r.IndexedBucket == "" && !corrected {
		return b
	}
	b = appendText(appendText(b, r.Indexed), r.IndexedBucket)
	if !corrected {
		return b
	}
	b = binary.AppendVarint(binary.AppendVarint(b, r.Skipped), r.Corrections)
	return appendWaiting(b, r.Parked)
}

// appendWaiting appends the fields of a parked row that belong to corrections.
func appendWaiting(b []byte, p *datastore.Parked) []byte {
	if p == nil {
		return b
	}
	b = appendText(appendDigest(b, p.Event), p.Bucket)
	b = binary.AppendVarint(b, p.Named)
	if p.Again == nil {
		return append(b, notAgain)
	}
	phase := looking
	if p.Again.Over {
		phase = over
	}
	return appendText(appendText(append(b, phase), p.Again.After), p.Again.Bucket)
}

// The values of the byte that says whether Parked.Again follows, and its phase.
const (
	notAgain byte = iota
	looking
	over
)

func appendFields(b []byte, r *datastore.Row) []byte {
	b = appendText(append(b, layout), r.Position)
	b = appendText(b, r.Entity)
	b = appendText(b, r.State)
	b = binary.AppendVarint(b, r.Count)
	b = appendDigest(b, r.Chain)
	b = binary.AppendVarint(b, r.Duplicates)
	b = binary.AppendVarint(b, r.Conflicts)
	b = binary.AppendVarint(b, r.Ignored)
	b = appendText(b, r.Projection)
	b = appendText(b, r.Version)
	b = appendText(b, r.Replay)
	b = binary.AppendUvarint(b, uint64(len(r.Buckets)))
	for _, bucket := range r.Buckets {
		b = appendText(b, bucket)
	}
	return appendText(b, r.Filter)
}

func appendParked(b []byte, p *datastore.Parked) []byte {
	if p == nil {
		return append(b, 0)
	}
	b = appendText(append(b, 1), p.Position)
	b = appendText(b, p.Type)
	b = appendText(b, p.Reason)
	return binary.AppendVarint(b, p.Waiting)
}

func decodeRow(value []byte) (datastore.Row, error) {
	d := decoder{rest: value}
	d.begin()
	r := datastore.Row{
		Position:   event.Position(d.text()),
		Entity:     d.text(),
		State:      d.bytes(),
		Count:      d.number(),
		Chain:      d.digest(),
		Duplicates: d.number(),
		Conflicts:  d.number(),
		Ignored:    d.number(),
		Projection: d.text(),
		Version:    d.text(),
		Replay:     d.text(),
		Buckets:    d.buckets(),
		Filter:     d.bytes(),
		Parked:     d.parked(),
	}
	if len(d.rest) > 0 {
		r.Indexed, r.IndexedBucket = event.Position(d.text()), eventlog.Bucket(d.text())
	}
	if len(d.rest) > 0 {
		r.Skipped, r.Corrections = d.number(), d.number()
		d.waiting(r.Parked)
	}
	return r, d.end()
}

// waiting reads what appendWaiting wrote.
func (d *decoder) waiting(p *datastore.Parked) {
	if p == nil {
		return
	}
	p.Event, p.Bucket, p.Named = d.digest(), eventlog.Bucket(d.text()), d.number()
	if phase := d.take(1); len(phase) == 1 && phase[0] != notAgain {
		p.Again = &datastore.Again{
			Over:   phase[0] == over,
			After:  event.Position(d.text()),
			Bucket: eventlog.Bucket(d.text()),
		}
	}
}

func (d *decoder) buckets() []eventlog.Bucket {
	n := d.length()
	if n == 0 {
		return nil
	}
	buckets := make([]eventlog.Bucket, 0, n)
	for range n {
		buckets = append(buckets, eventlog.Bucket(d.text()))
	}
	return buckets
}

func (d *decoder) parked() *datastore.Parked {
	if flag := d.take(1); len(flag) == 0 || flag[0] == 0 {
		return nil
	}
	return &datastore.Parked{
		Position: event.Position(d.text()),
		Type:     d.text(),
		Reason:   d.text(),
		Waiting:  d.number(),
	}
}

// decodePosition reads only a stored row's position, which shares value's memory.
func decodePosition(value []byte) ([]byte, error) {
	d := decoder{rest: value}
	d.begin()
	return d.take(d.length()), d.err
}

func appendMark(b []byte, m *datastore.Mark) []byte {
	b = appendText(append(b, layout), m.Position)
	b = binary.AppendVarint(b, m.Logged)
	b = binary.AppendVarint(b, m.Ordinal)
	b = binary.AppendVarint(b, m.Bytes)
	b = appendDigest(b, m.Digest)
	b = appendText(b, m.Place)
	if m.Ignored == nil && m.Folded == nil {
		return b // as before there were counts of ignored events
	}
	b = appendIgnored(b, m.Ignored)
	if m.Folded == nil {
		return b // as before there were counts of folded events
	}
	for _, n := range []int64{m.Folded.Applied, m.Folded.Duplicates, m.Folded.Parked} {
		b = binary.AppendVarint(b, n)
	}
	return b
}

func appendIgnored(b []byte, ignored *datastore.Ignored) []byte {
	if ignored == nil {
		ignored = &datastore.Ignored{}
	}
	b = binary.AppendVarint(b, ignored.Others)
	b = binary.AppendUvarint(b, uint64(len(ignored.Types)))
	for _, t := range ignored.Types {
		b = binary.AppendVarint(appendText(b, t.Type), t.Count)
	}
	return b
}

func decodeMark(value []byte) (datastore.Mark, error) {
	d := decoder{rest: value}
	d.begin()
	m := datastore.Mark{
		Position: event.Position(d.text()),
		Logged:   d.number(),
		Ordinal:  d.number(),
		Bytes:    d.number(),
		Digest:   d.digest(),
		Place:    d.bytes(),
	}
	if len(d.rest) > 0 {
		m.Ignored = &datastore.Ignored{Others: d.number()}
		for range d.length() {
			m.Ignored.Types = append(m.Ignored.Types, datastore.TypeCount{Type: d.text(), Count: d.number()})
		}
	}
	if len(d.rest) > 0 {
		m.Folded = &datastore.Folded{Applied: d.number(), Duplicates: d.number(), Parked: d.number()}
		if m.Ignored.Total() == 0 {
			m.Ignored = nil
		}
	}
	return m, d.end()
}
