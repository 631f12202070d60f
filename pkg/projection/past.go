package projection

import (
	"container/list"
	"context"
	"sync"

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

// identities is the exact set of an entity's event identities up to a
// position, with a fingerprint of each one's content.
type identities struct {
	upTo event.Position
	seen map[event.Digest]uint64
}

// identityCache keeps exact sets between batches, so that an entity of which
// many events repeat is read from the log once and not once a batch. It holds
// at most a number of identities and forgets the longest unused set first. It
// is safe for concurrent use.
type identityCache struct {
	mu    sync.Mutex
	limit int
	size  int
	order *list.List
	sets  map[string]*list.Element
}

type cachedSet struct {
	key string
	set *identities
}

func newIdentityCache(limit int) *identityCache {
	return &identityCache{limit: limit, order: list.New(), sets: make(map[string]*list.Element)}
}

// take removes and returns the set under key if it reaches exactly to upTo. The
// caller owns it and puts it back once its batch is written.
func (c *identityCache) take(key string, upTo event.Position) *identities {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, found := c.sets[key]
	if !found {
		return nil
	}
	set := element.Value.(*cachedSet).set
	c.remove(element)
	if set.upTo != upTo {
		return nil
	}
	return set
}

func (c *identityCache) put(key string, set *identities) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, found := c.sets[key]; found {
		c.remove(old)
	}
	c.sets[key] = c.order.PushFront(&cachedSet{key, set})
	c.size += len(set.seen)
	for c.size > c.limit && c.order.Len() > 0 {
		c.remove(c.order.Back())
	}
}

func (c *identityCache) remove(element *list.Element) {
	cached := c.order.Remove(element).(*cachedSet)
	delete(c.sets, cached.key)
	c.size -= len(cached.set.seen)
}
