package verify

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// finish compares what was read of each bucket with its manifest, and the manifests
// with the head, once the lane's last span is read.
func (l *lane) finish(ctx context.Context, s *span) error {
	var total bucketSum
	manifests := make(map[eventlog.Bucket]bool)
	var differ []eventlog.ClosedManifest
	err := l.check.Log.Heads.Manifests(ctx, l.id, l.cut, l.from(), "", func(b eventlog.Bucket, m eventlog.Manifest) error {
		manifests[b] = true
		want := bucketSum{m.Count, m.Bytes, m.Digest}
		total.addSum(&want)
		if have := l.sums[b]; have == nil || *have != want {
			differ = append(differ, eventlog.ClosedManifest{Bucket: b, Manifest: m})
		}
		return nil
	})
	if err == nil && len(differ) > 0 {
		err = l.compareAgain(ctx, s, differ)
	}
	if err != nil {
		return err
	}
	for b := range l.sums {
		if !manifests[b] {
			s.findings.add(Difference{Kind: Manifest, Lane: l.id, Bucket: b, What: "manifest of a bucket with events",
				Want: strconv.FormatInt(l.sums[b].Count, 10)})
		}
	}
	l.compareHead(s, &total)
	return l.checkHead(ctx, s)
}

// compareAgain reads the buckets that differ from their manifests once more.
func (l *lane) compareAgain(ctx context.Context, s *span, differ []eventlog.ClosedManifest) error {
	present, err := l.present(ctx)
	if err != nil {
		return err
	}
	for _, c := range differ {
		have, err := l.recount(ctx, present, c.Bucket)
		if err != nil {
			return err
		}
		l.compareBucket(s, c.Bucket, bucketSum{c.Manifest.Count, c.Manifest.Bytes, c.Manifest.Digest}, have)
	}
	return nil
}

func (l *lane) compareBucket(s *span, b eventlog.Bucket, want, have bucketSum) {
	d := Difference{Kind: Manifest, Lane: l.id, Bucket: b}
	switch {
	case have == want:
		return
	case have.Count != want.Count:
		d.What, d.Want, d.Have = "events", strconv.FormatInt(want.Count, 10), strconv.FormatInt(have.Count, 10)
	case have.Bytes != want.Bytes:
		d.What, d.Want, d.Have = "bytes", strconv.FormatInt(want.Bytes, 10), strconv.FormatInt(have.Bytes, 10)
	default:
		d.What, d.Want, d.Have = "digest of the events", want.Digest.String(), have.Digest.String()
	}
	s.findings.add(d)
}

// recount reads one of the lane's present buckets up to the cut once more, consistently.
func (l *lane) recount(ctx context.Context, present []bucket, b eventlog.Bucket) (bucketSum, error) {
	s := &span{lane: l, consistent: true, missing: make(map[string]int64), sums: make(map[eventlog.Bucket]*bucketSum)}
	for i := range present {
		if present[i].id != b {
			continue
		}
		if err := s.readBucket(ctx, &present[i]); err != nil {
			return bucketSum{}, err
		}
	}
	if s.sums[b] == nil {
		return bucketSum{}, nil
	}
	return *s.sums[b], nil
}

// counted is what the head counts, without what it counted before the first of the
// buckets to verify. digested is false if a head has no digest.
func (l *lane) counted() (sum bucketSum, digested bool) {
	sum, digested = bucketSum{Count: l.cut.Count, Bytes: l.cut.Bytes}, l.cut.Digest != nil
	if digested {
		sum.Digest = *l.cut.Digest
	}
	before := l.since
	if before == nil || before.Position == "" {
		return sum, digested
	}
	sum.Count -= before.Count - before.Open.Count
	sum.Bytes -= before.Bytes - before.Open.Bytes
	if digested = digested && before.Digest != nil; digested {
		sum.Digest = sum.Digest.Sub(before.Digest.Sub(before.Open.Digest))
	}
	return sum, digested
}

// compareHead compares the manifests with what the head counts.
func (l *lane) compareHead(s *span, total *bucketSum) {
	d := Difference{Kind: Head, Lane: l.id, Position: l.cut.Position}
	want, digested := l.counted()
	switch {
	case total.Count != want.Count:
		d.What = "events in the manifests of what the head counts"
		d.Want, d.Have = strconv.FormatInt(want.Count, 10), strconv.FormatInt(total.Count, 10)
	case total.Bytes != want.Bytes:
		d.What = "bytes in the manifests of what the head counts"
		d.Want, d.Have = strconv.FormatInt(want.Bytes, 10), strconv.FormatInt(total.Bytes, 10)
	case digested && total.Digest != want.Digest:
		d.What = "digest of the manifests of what the head counts"
		d.Want, d.Have = want.Digest.String(), total.Digest.String()
	default:
		return
	}
	s.findings.add(d)
}

// checkHead checks that the lane's head has not gone back, neither behind the cut nor
// behind what the log has witnessed.
func (l *lane) checkHead(ctx context.Context, s *span) error {
	head, err := l.check.Log.CheckHead(ctx, l.id)
	lost := errors.Is(err, eventlog.ErrHeadLost)
	if err != nil && !lost {
		return err
	}
	if lost || head.Position < l.cut.Position {
		s.findings.add(Difference{Kind: Head, Lane: l.id, Position: head.Position,
			What: "the lane's head has gone back; restore the control table",
			Want: string(l.cut.Position), Have: string(head.Position)})
	}
	return nil
}

// bucketSum sums up the events of a bucket, as a manifest does.
type bucketSum struct {
	Count  int64
	Bytes  int64
	Digest event.Digest
}

func (s *bucketSum) add(e *eventlog.Entry) {
	s.Count++
	s.Bytes += int64(len(e.Line))
	s.Digest = s.Digest.Add(event.DigestOf(e.Position, e.Line))
}

func (s *bucketSum) addSum(o *bucketSum) {
	s.Count += o.Count
	s.Bytes += o.Bytes
	s.Digest = s.Digest.Add(o.Digest)
}

// bucketSums are the sums of a lane's buckets so far.
type bucketSums map[eventlog.Bucket]*bucketSum

func (s bucketSums) addAll(o map[eventlog.Bucket]*bucketSum) {
	for b, sum := range o {
		if s[b] == nil {
			s[b] = new(bucketSum)
		}
		s[b].addSum(sum)
	}
}

// packedBytes is the size of a packed sum, without its bucket's name.
const packedBytes = 4 * 8

// errPacked says that packed sums are damaged. A retry cannot help.
var errPacked = errors.New("not the sums of buckets")

// packed is the sums of some buckets in the form in which they are stored.
type packed struct {
	Buckets []eventlog.Bucket `json:"buckets"`
	Sums    []byte            `json:"sums"`
}

// pack returns the sums in parts of at most most buckets.
func (s bucketSums) pack(most int) []packed {
	names := make([]eventlog.Bucket, 0, len(s))
	for b := range s {
		names = append(names, b)
	}
	slices.Sort(names)
	var parts []packed
	for some := range slices.Chunk(names, most) {
		p := packed{Buckets: some}
		for _, b := range some {
			sum := s[b]
			for _, n := range []uint64{uint64(sum.Count), uint64(sum.Bytes), sum.Digest.Hi, sum.Digest.Lo} {
				p.Sums = binary.BigEndian.AppendUint64(p.Sums, n)
			}
		}
		parts = append(parts, p)
	}
	return parts
}

// unpack adds the sums of a part.
func (s bucketSums) unpack(p packed) error {
	if len(p.Sums) != packedBytes*len(p.Buckets) {
		return errPacked
	}
	for i, b := range p.Buckets {
		at := p.Sums[i*packedBytes:]
		s[b] = &bucketSum{
			Count: int64(binary.BigEndian.Uint64(at)),
			Bytes: int64(binary.BigEndian.Uint64(at[8:])),
			Digest: event.Digest{
				Hi: binary.BigEndian.Uint64(at[16:]),
				Lo: binary.BigEndian.Uint64(at[24:]),
			},
		}
	}
	return nil
}
