package eventlog

import (
	"context"
	"fmt"

	"reprise/pkg/event"
)

// historyPage bounds the entries of a history that are in memory at a time.
const historyPage = 500

// manyBuckets is the number of buckets above which manifests are listed, not
// looked up one by one.
const manyBuckets = 200

// View reads what is in the log, without the leftovers that the Events table may
// also contain. It is safe for concurrent use.
type View struct {
	Log   Log
	Heads Heads
}

// History calls visit for an entity's events at positions after the first and up
// to the second one, which the lane's head must cover, in order. buckets are those
// in which the entity has events, ascending. It costs one Query for each of them in
// which the lane has events, and up to one read for each event that is not among
// the lane's latest records. Reads are consistent.
func (v View) History(ctx context.Context, lane event.Lane, entity string, buckets []Bucket, after, upTo event.Position,
	visit func(Bucket, *Entry) error,
) error {
	head, err := v.Heads.Load(ctx, lane)
	if err != nil {
		return err
	}
	manifests, err := v.Heads.ManifestsOf(ctx, lane, head, buckets)
	if err != nil {
		return err
	}
	begin := ""
	if after != "" {
		begin = event.SortKey(entity, after)
	}
	for _, bucket := range buckets {
		m, found := manifests[bucket]
		if !found || m.First > upTo || m.Last <= after {
			continue
		}
		for next := begin; ; {
			page, err := v.Entity(ctx, lane, &head, bucket, &m, entity, next, historyPage)
			if err != nil {
				return fmt.Errorf("read history of an entity: %w", err)
			}
			for i := range page.Entries {
				if page.Entries[i].Position > upTo {
					return nil
				}
				if err := visit(bucket, &page.Entries[i]); err != nil {
					return err
				}
			}
			if next = page.Next; next == "" {
				break
			}
		}
	}
	return nil
}

// Entity returns a page of an entity's events, as of a head, in the bucket with
// that manifest and after a sort key. A page may be empty and not be the last.
func (v View) Entity(ctx context.Context, lane event.Lane, head *Head, bucket Bucket, m *Manifest,
	entity, after string, limit int,
) (Page, error) {
	page, err := v.Log.ReadEntity(ctx, lane, bucket, entity, after, PageLimit{Entries: limit})
	if err != nil {
		return Page{}, fmt.Errorf("read bucket %s: %w", bucket, err)
	}
	at := make([]event.Position, len(page.Entries))
	for i := range page.Entries {
		at[i] = page.Entries[i].Position
	}
	in, err := v.Heads.InLog(ctx, lane, head, m, at)
	if err != nil {
		return Page{}, err
	}
	kept := page.Entries[:0]
	for i := range page.Entries {
		if in[i] {
			kept = append(kept, page.Entries[i])
		}
	}
	page.Entries = kept
	return page, nil
}

// Missing reports whether an event in the Events table, at a position that a head
// covers, is lost to the log: its record is neither in the log, in any bucket, nor
// quarantined. It costs two reads.
func (v View) Missing(ctx context.Context, lane event.Lane, head *Head, at event.Position) (bool, error) {
	if !head.Listed(at) {
		return false, nil
	}
	if _, in, err := v.Heads.CountAt(ctx, lane, head, at); err != nil || in {
		return false, err
	}
	aside, err := v.Log.ListQuarantine(ctx, lane, event.Position(justBelow(at.Record())), 1)
	if err != nil {
		return false, fmt.Errorf("look for record at %s in quarantine: %w", at, err)
	}
	return len(aside) == 0 || aside[0].Position.Record() != at.Record(), nil
}

// Locate returns the bucket of a record that a head covers, and false if the
// record is not in the log, because it came late. For what was committed before
// there was a register, an event in the Events table proves that its record is in
// the log.
func (v View) Locate(
	ctx context.Context, width Width, lane event.Lane, head *Head, first *Arrived,
) (Bucket, bool, error) {
	if head.Listed(first.Position) {
		if _, in, err := v.Heads.CountAt(ctx, lane, head, first.Position); err != nil || !in {
			return "", false, err
		}
	}
	// No event is logged before it arrived.
	home, _, found, err := v.Heads.spanning(ctx, lane, *head, width.Of(first.Arrival), first.Position)
	if err != nil || !found || head.Listed(first.Position) {
		return home, found, err
	}
	stored, err := v.Log.Has(ctx, lane, home, first.Event.Subject, first.Position)
	if err != nil {
		return "", false, fmt.Errorf("look up event at %s: %w", first.Position, err)
	}
	return home, stored, nil
}
