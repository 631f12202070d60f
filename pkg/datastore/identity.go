package datastore

import (
	"fmt"

	"reprise/pkg/event"
)

// Identity is an event's entry in the identity index, which records the first
// event with a given source and id of an entity with many events.
type Identity struct {
	Entity string
	// Key is the fingerprint of the event's source and id.
	Key      event.Digest
	Position event.Position
	// Content is a fingerprint of the event, which distinguishes it from another
	// event with the same source and id.
	Content uint64
}

// IdentityKey is the key of an entry in the identity index.
type IdentityKey struct {
	Entity string
	Key    event.Digest
}

// IndexKey returns the key of the entry.
func (i *Identity) IndexKey() IdentityKey { return IdentityKey{i.Entity, i.Key} }

// CheckIdentities returns an error unless Identify can take events in one call.
func CheckIdentities(events []Identity) error {
	if len(events) > MaxBatch {
		return fmt.Errorf("%d identities, at most %d are allowed", len(events), MaxBatch)
	}
	known := make(map[IdentityKey]bool, len(events))
	for i := range events {
		key := events[i].IndexKey()
		if known[key] {
			return fmt.Errorf("identity %s of entity %.80q is given twice", key.Key, key.Entity)
		}
		known[key] = true
	}
	return nil
}
