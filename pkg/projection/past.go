package projection

import (
	"context"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// past knows the identities of an entity's events.
type past interface {
	// earlier returns the content of the event that came first under the
	// identity of s, if that is not s itself, and remembers s.
	earlier(ctx context.Context, s *sighting) (content uint64, found bool, err error)
}

// indexedPast is what the identity index holds of the batch's identities.
type indexedPast map[event.Digest]datastore.Identity

func (p indexedPast) earlier(_ context.Context, s *sighting) (uint64, bool, error) {
	first := p[s.id]
	// The index may hold this very event: an attempt at it came this far before.
	return first.Content, first.Position < s.Position, nil
}

// smallPast is that of an entity within the limits: a filter, and the log where
// the filter cannot rule a duplicate out.
type smallPast struct {
	// row is the row as it is folded.
	row     *datastore.Row
	filter  filter
	history history
	// exact is the set of identities up to the row's position, loaded when the
	// filter asks for it; until then batch has those of the events folded in
	// this batch.
	exact *identities
	batch map[event.Digest]uint64
}

func (p *smallPast) earlier(ctx context.Context, s *sighting) (uint64, bool, error) {
	if p.exact == nil && p.filter.mayHave(s.id) {
		if err := p.loadExact(ctx); err != nil {
			return 0, false, err
		}
	}
	seen := p.seen()
	content, found := seen[s.id]
	if !found {
		seen[s.id] = s.content
		p.filter = p.filter.add(s.id)
	}
	return content, found, nil
}

func (p *smallPast) seen() map[event.Digest]uint64 {
	if p.exact != nil {
		return p.exact.seen
	}
	if p.batch == nil {
		p.batch = make(map[event.Digest]uint64)
	}
	return p.batch
}

// loadExact reads the identities of all events up to the row's position, those
// of this batch among them, which are in the log as well: one strongly
// consistent read of the history, whatever the number of suspects.
func (p *smallPast) loadExact(ctx context.Context) error {
	p.exact = &identities{seen: make(map[event.Digest]uint64)}
	add := func(_ eventlog.Bucket, entry *eventlog.Entry) error {
		past, err := identityOf(entry)
		if err != nil {
			return err
		}
		if _, found := p.exact.seen[past.Key]; !found {
			p.exact.seen[past.Key] = past.Content
		}
		return nil
	}
	return p.history(ctx, p.row.Entity, eventlog.ExpandBuckets(p.row.Buckets), "", p.row.Position, add)
}
