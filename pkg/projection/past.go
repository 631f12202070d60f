package projection

import (
	"container/list"
	"context"
	"encoding/binary"
	"sync"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// past knows the identities of an entity's events.
type past interface {
	// earlier returns the content of the first event with the identity of s, if
	// that is not s itself, and remembers s.
	earlier(ctx context.Context, s *sighting) (content uint64, found bool, err error)
}

// indexedPast is what the identity index returned for the batch's identities.
type indexedPast map[event.Digest]datastore.Identity

func (p indexedPast) earlier(_ context.Context, s *sighting) (uint64, bool, error) {
	first := p[s.id]
	// The index may return this very event, entered by an earlier attempt.
	return first.Content, first.Position < s.Position, nil
}

// smallPast is the past of an entity within the limits: a filter, and the log if
// the filter cannot rule out a duplicate.
type smallPast struct {
	// row is the row that is being folded.
	row     *datastore.Row
	filter  filter
	history history
	// exact is the set of identities up to the row's position, loaded when the
	// filter cannot rule out a duplicate. Until then, batch is the set of those
	// in this batch.
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

// loadExact reads the identities of all events up to the row's position, including
// those of this batch, from the log: one strongly consistent read of the history,
// however many duplicates are suspected.
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

// firsts returns the positions of the first events with each identity up to the
// row's position.
func (p *smallPast) firsts(ctx context.Context, _ []sighting) (map[event.Digest]event.Position, error) {
	positions := make(map[event.Digest]event.Position)
	add := func(_ eventlog.Bucket, entry *eventlog.Entry) error {
		past, err := identityOf(entry)
		if err != nil {
			return err
		}
		if _, found := positions[past.Key]; !found {
			positions[past.Key] = past.Position
		}
		return nil
	}
	err := p.history(ctx, p.row.Entity, eventlog.ExpandBuckets(p.row.Buckets), "", p.row.Position, add)
	return positions, err
}

// identities is the exact set of an entity's event identities up to a
// position, with a fingerprint of each one's content.
type identities struct {
	upTo event.Position
	seen map[event.Digest]uint64
}

// identityCache keeps exact sets between batches, so that the history of an entity
// with many duplicates is read once and not once per batch. It keeps at most limit
// identities and drops the least recently used set first. It is safe for
// concurrent use.
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

// take removes the set under key, and returns it if it reaches exactly to upTo. The
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

// The filter of a row is a chain of Bloom filters, each four times the size of
// the one before, with 16 bits and 11 hashes an id: an error rate of 0.05 % each
// (B. H. Bloom, 1970: (1 − e^(−k/16))^k for k = 11) so 0.15 % together when all are full.
// It takes 34 bytes for up to 16 ids and at most 674 bytes for 336. A full filter
// reports every id as possibly seen; an entity with more events has no filter and
// is indexed.
const (
	filterHashes    = 11
	filterBitsPerID = 16
	firstFilterIDs  = 16
	filterStages    = 3
	maxFilterIDs    = firstFilterIDs * (1 + 4 + 16)
)

// filter is the encoded form: the number of ids in two bytes, big endian, and the
// stages in order.
type filter []byte

func (f filter) count() int {
	if len(f) < 2 {
		return 0
	}
	return int(binary.BigEndian.Uint16(f))
}

func (f filter) full() bool { return f.count() >= maxFilterIDs }

// stageIDs is the number of ids that stage i can take.
func stageIDs(i int) int { return firstFilterIDs << (2 * i) }

// mayHave reports false only for an id that was never added.
func (f filter) mayHave(id event.Digest) bool {
	if f.full() {
		return true
	}
	at := 2
	for i := 0; i < filterStages && at < len(f); i++ {
		size := stageIDs(i) * filterBitsPerID / 8
		if stageHas(f[at:at+size], id) {
			return true
		}
		at += size
	}
	return false
}

// add returns the filter with id added. It may change f in place.
func (f filter) add(id event.Digest) filter {
	if len(f) < 2 {
		f = make(filter, 2, 2+stageIDs(0)*filterBitsPerID/8)
	}
	n := f.count()
	if n >= maxFilterIDs {
		return f
	}
	at, stage, below := 2, 0, 0
	for below+stageIDs(stage) <= n {
		below += stageIDs(stage)
		at += stageIDs(stage) * filterBitsPerID / 8
		stage++
	}
	if size := stageIDs(stage) * filterBitsPerID / 8; len(f) < at+size {
		f = append(f, make([]byte, at+size-len(f))...)
	}
	stageAdd(f[at:], id)
	binary.BigEndian.PutUint16(f, uint16(n+1))
	return f
}

// filterBit is the bit of hash i. The numbers Hi + i·Lo are mixed (the finalizer
// of SplitMix64; Steele, Lea and Flood, 2014): unmixed, the hashes of a small
// stage are so few that its error rate triples.
func filterBit(id event.Digest, i uint64, stage []byte) uint64 {
	h := id.Hi + i*id.Lo
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return (h ^ h>>31) % (uint64(len(stage)) * 8)
}

func stageHas(stage []byte, id event.Digest) bool {
	for i := range uint64(filterHashes) {
		bit := filterBit(id, i, stage)
		if stage[bit>>3]&(1<<(bit&7)) == 0 {
			return false
		}
	}
	return true
}

func stageAdd(stage []byte, id event.Digest) {
	for i := range uint64(filterHashes) {
		bit := filterBit(id, i, stage)
		stage[bit>>3] |= 1 << (bit & 7)
	}
}
