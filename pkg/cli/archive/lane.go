package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"reprise/pkg/api/extract"
	"reprise/pkg/archive"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// errIncomplete says that what was read is not what the log has by its heads and
// manifests. Nothing of it is written.
var errIncomplete = errors.New("the log does not have what its heads and manifests count")

// laneExport reads one lane of an export. One goroutine may use it.
type laneExport struct {
	x     *exporter
	lane  int
	cut   archive.Lane
	after *extract.Place

	builder *archive.Builder
	// read is all that was read of the lane, unsaved what was since the last part.
	read, unsaved archive.Sum
	// bucket is being read: seen is what was read of it, and kept what was selected.
	bucket     eventlog.Bucket
	open       bool
	seen, kept archive.Sum
	spool      spool
	reached    eventlog.Bucket
}

// spoolBytes bounds the events of a bucket that are in memory, of each lane.
const spoolBytes = 8 << 20

func newLaneExport(x *exporter, lane int) *laneExport {
	return &laneExport{
		x:       x,
		lane:    lane,
		cut:     x.out.Header.Lanes[lane],
		builder: archive.NewBuilder(lane),
		spool:   spool{most: x.spoolBytes},
	}
}

// resume takes a part into account that is written already, and reports whether it was
// the lane's last.
func (l *laneExport) resume(p *archive.Part) (done bool, err error) {
	if p.Open {
		return false, nil
	}
	l.read.Add(p.Read)
	if p.Reached != "" {
		l.reached = p.Reached
		_, end, err := l.x.width.Range(p.Reached)
		if err != nil {
			return false, fmt.Errorf("go on after bucket %s: %w", p.Reached, err)
		}
		l.after = &extract.Place{Bucket: l.x.width.Of(end)}
	}
	return p.Done, nil
}

func (l *laneExport) run(ctx context.Context) error {
	defer l.spool.reset()
	if l.cut.Position != "" && l.x.concerns(l.lane) {
		if err := l.pages(ctx); err != nil {
			return fmt.Errorf("lane %d: %w", l.lane, err)
		}
		if !l.x.partial && (l.read.Events != l.cut.Sum.Events ||
			(!l.cut.Undigested && l.read.Digest != l.cut.Sum.Digest)) {
			return fmt.Errorf("lane %d: %w: %d events were read, its head counts %d", l.lane, errIncomplete,
				l.read.Events, l.cut.Sum.Events)
		}
	}
	l.builder.Part().Done = true
	return l.x.out.Add(l.sealed())
}

func (l *laneExport) pages(ctx context.Context) error {
	for {
		page, err := l.x.from.LogPage(ctx, extract.PageRequest{
			Lane:   event.Lane(l.lane),
			Cut:    l.cut.Position,
			Taken:  l.x.out.Header.Taken,
			After:  l.after,
			Select: l.x.out.Header.Select,
		})
		if err != nil {
			return err
		}
		for i := range page.Buckets {
			if err := l.take(&page.Buckets[i]); err != nil {
				return err
			}
		}
		if page.Next == nil && l.open {
			return fmt.Errorf("%w: bucket %s has no end", errIncomplete, l.bucket)
		}
		if page.Next == nil {
			return nil
		}
		l.after = page.Next
	}
}

// take adds what a page has of a bucket.
func (l *laneExport) take(b *extract.Bucket) error {
	if (l.open && b.Bucket != l.bucket) || (!l.open && b.Bucket <= l.reached) {
		return fmt.Errorf("%w: bucket %s follows %s", errIncomplete, b.Bucket, l.bucket)
	}
	l.bucket, l.open = b.Bucket, !b.Done
	l.seen.Add(sumOf(b.Read))
	for _, placed := range b.Events {
		if err := l.keep(placed); err != nil {
			return err
		}
	}
	l.x.show.add(b.Read.Count)
	if !b.Done {
		return nil
	}
	if err := l.prove(b); err != nil {
		return err
	}
	return l.write()
}

func sumOf(s replay.Sum) archive.Sum {
	return archive.Sum{Events: s.Count, Bytes: s.Bytes, Digest: s.Digest}
}

// keep adds a selected event, masked.
func (l *laneExport) keep(placed json.RawMessage) error {
	line, at, logged, err := event.SplitPlaced(placed)
	if err != nil {
		return fmt.Errorf("read page: %w", err)
	}
	if at > l.cut.Position {
		return fmt.Errorf("%w: the event at %s is not covered by the cut", errIncomplete, at)
	}
	l.kept.Add(archive.Sum{Events: 1, Bytes: int64(len(line)), Digest: event.DigestOf(at, line)})
	if l.x.mask != nil {
		if line, err = l.x.mask(line); err != nil {
			return fmt.Errorf("mask the event at %s: %w", at, err)
		}
	}
	return l.spool.add(archive.Event{Position: at, Logged: logged, Line: line})
}

// prove compares what was read of a bucket with its manifest, and with what arrived.
func (l *laneExport) prove(b *extract.Bucket) error {
	want := l.cut.Open
	switch {
	case l.x.scoped:
		return nil // only the events of some entities were read
	case b.Whole != nil:
		want = sumOf(*b.Whole)
	case b.Bucket != l.cut.Bucket:
		return fmt.Errorf("%w: bucket %s goes beyond the cut", errIncomplete, b.Bucket)
	}
	if l.seen != want {
		return fmt.Errorf("%w: bucket %s has %d events, its manifest counts %d", errIncomplete, b.Bucket,
			l.seen.Events, want.Events)
	}
	if !l.x.filtered && l.kept != l.seen {
		return fmt.Errorf("%w: of bucket %s, %d of %d events arrived", errIncomplete, b.Bucket,
			l.kept.Events, l.seen.Events)
	}
	return nil
}

// write writes the bucket that was read, and notes that it is done with.
func (l *laneExport) write() error {
	l.read.Add(l.seen)
	l.unsaved.Add(l.seen)
	l.reached = l.bucket
	err := l.parts()
	l.seen, l.kept = archive.Sum{}, archive.Sum{}
	l.spool.reset()
	return err
}

func (l *laneExport) parts() error {
	if l.spool.total > int64(l.x.spoolBytes) {
		return l.x.out.Group(func(add func(archive.Encoded) error) error {
			err := l.spool.each(func(e *archive.Event) error {
				l.builder.Add(e)
				if l.builder.Bytes() < l.x.partBytes {
					return nil
				}
				l.builder.Part().Open = true
				return add(l.builder.Seal(l.x.encoder))
			})
			if err != nil {
				return err
			}
			return add(l.sealed())
		})
	}
	err := l.spool.each(func(e *archive.Event) error {
		l.builder.Add(e)
		return nil
	})
	// A part also ends after much that is not selected, so that it is not read again.
	const sparse = 64 << 20
	if err != nil || (l.builder.Bytes() < l.x.partBytes && l.unsaved.Bytes < sparse) {
		return err
	}
	return l.x.out.Add(l.sealed())
}

// sealed ends a part at the end of a bucket.
func (l *laneExport) sealed() archive.Encoded {
	p := l.builder.Part()
	p.Read, p.Reached = l.unsaved, l.reached
	l.unsaved = archive.Sum{}
	return l.builder.Seal(l.x.encoder)
}
