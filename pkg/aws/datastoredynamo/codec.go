package datastoredynamo

import (
	"encoding/binary"
	"fmt"

	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// layout is the first byte of the attribute that holds the small fields of a row.
// The layout is binary, since the names in JSON would cost many rows a second write
// unit.
const layout = 1

// packer appends fields: numbers as varints, texts after their length.
type packer []byte

func (p *packer) number(n int64) { *p = binary.AppendVarint(*p, n) }

func (p *packer) text(s string) {
	*p = append(binary.AppendUvarint(*p, uint64(len(s))), s...)
}

func (p *packer) digest(d event.Digest) {
	*p = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(*p, d.Hi), d.Lo)
}

// packFields packs the fields of a row besides its entity, position, state and
// filter. The indexed position comes last, and only in indexed rows, so that other
// rows keep the bytes that they had before the index existed; likewise what belongs
// to corrections comes after it.
func packFields(r *datastore.Row) []byte {
	p := packCounts(r)
	corrected := r.Corrected()
	if r.Indexed != "" || r.IndexedBucket != "" || corrected {
		p.text(string(r.Indexed))
		p.text(string(r.IndexedBucket))
	}
	if corrected {
		p.number(r.Skipped)
		p.number(r.Corrections)
		p.waiting(r.Parked)
	}
	return p
}

// waiting packs the fields of a parked row that belong to corrections.
func (p *packer) waiting(parked *datastore.Parked) {
	if parked == nil {
		return
	}
	p.digest(parked.Event)
	p.text(string(parked.Bucket))
	p.number(parked.Named)
	again := parked.Again
	switch {
	case again == nil:
		p.number(notAgain)
		return
	case again.Over:
		p.number(over)
	default:
		p.number(looking)
	}
	p.text(string(again.After))
	p.text(string(again.Bucket))
}

// The values of the number that says whether Parked.Again follows, and its phase.
const (
	notAgain int64 = iota
	looking
	over
)

func packCounts(r *datastore.Row) packer {
	p := packer{layout}
	p.number(r.Count)
	p.digest(r.Chain)
	p.number(r.Duplicates)
	p.number(r.Conflicts)
	p.number(r.Ignored)
	p.text(r.Projection)
	p.text(r.Version)
	p.text(r.Replay)
	p.number(int64(len(r.Buckets)))
	for _, bucket := range r.Buckets {
		p.text(string(bucket))
	}
	if r.Parked == nil {
		p.number(0)
		return p
	}
	p.number(1)
	p.text(string(r.Parked.Position))
	p.text(r.Parked.Type)
	p.text(r.Parked.Reason)
	p.number(r.Parked.Waiting)
	return p
}

// unpacker reads what a packer wrote. After the first failure it returns zeros.
type unpacker struct {
	rest   []byte
	failed bool
}

func (u *unpacker) take(n int) []byte {
	if u.failed || n < 0 || n > len(u.rest) {
		u.failed, u.rest = true, nil
		return nil
	}
	taken := u.rest[:n]
	u.rest = u.rest[n:]
	return taken
}

func (u *unpacker) number() int64 {
	n, size := binary.Varint(u.rest)
	if size <= 0 {
		u.failed = true
		return 0
	}
	u.take(size)
	return n
}

func (u *unpacker) text() string {
	n, size := binary.Uvarint(u.rest)
	if size <= 0 || n > uint64(len(u.rest)) {
		u.failed = true
		return ""
	}
	u.take(size)
	return string(u.take(int(n)))
}

func (u *unpacker) digest() event.Digest {
	if b := u.take(16); b != nil {
		return event.Digest{Hi: binary.BigEndian.Uint64(b), Lo: binary.BigEndian.Uint64(b[8:])}
	}
	return event.Digest{}
}

// unpackFields is the inverse of packFields.
func unpackFields(packed []byte, r *datastore.Row) error {
	u := unpacker{rest: packed}
	if first := u.take(1); first == nil || first[0] != layout {
		return fmt.Errorf("decode row: %w", dynamostore.ErrFrame)
	}
	r.Count = u.number()
	r.Chain = u.digest()
	r.Duplicates, r.Conflicts, r.Ignored = u.number(), u.number(), u.number()
	r.Projection, r.Version, r.Replay = u.text(), u.text(), u.text()
	for left := u.number(); left > 0 && !u.failed; left-- {
		r.Buckets = append(r.Buckets, eventlog.Bucket(u.text()))
	}
	if u.number() == 1 {
		r.Parked = &datastore.Parked{Position: event.Position(u.text()), Type: u.text(), Reason: u.text(),
			Waiting: u.number()}
	}
	if len(u.rest) > 0 {
		r.Indexed, r.IndexedBucket = event.Position(u.text()), eventlog.Bucket(u.text())
	}
	if len(u.rest) > 0 {
		r.Skipped, r.Corrections = u.number(), u.number()
		u.waiting(r.Parked)
	}
	if u.failed || len(u.rest) > 0 {
		return fmt.Errorf("decode row: %w", dynamostore.ErrFrame)
	}
	return nil
}

// waiting is the inverse of the packer's.
func (u *unpacker) waiting(p *datastore.Parked) {
	if p == nil {
		return
	}
	p.Event, p.Bucket, p.Named = u.digest(), eventlog.Bucket(u.text()), u.number()
	if phase := u.number(); phase != notAgain {
		p.Again = &datastore.Again{
			Over:   phase == over,
			After:  event.Position(u.text()),
			Bucket: eventlog.Bucket(u.text()),
		}
	}
}
