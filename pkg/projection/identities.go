package projection

import (
	"container/list"
	"sync"

	"reprise/pkg/event"
)

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
