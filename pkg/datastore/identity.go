package datastore

import (
	"fmt"

	"reprise/pkg/event"
)

// Identity is an event's entry in the identity index, which says of an entity
// with many events which event came first under a source and id.
type Identity struct {
	Entity string
	// Key is the fingerprint of the event's source and id.
	Key      event.Digest
	Position event.Position
	// Content is a fingerprint of the event, which tells it from another one
	// under the same source and id.
	Content uint64
}

// IdentityKey is what an entry of the index lies under.
type IdentityKey struct {
	Entity string
	Key    event.Digest
}

// IndexKey returns what the entry lies under.
func (i *Identity) IndexKey() IdentityKey { return IdentityKey{i.Entity, i.Key} }

// CheckIdentities refuses what Identify does not take.
func CheckIdentities(events []Identity) error {
	if len(events) > MaxBatch {
		return fmt.Errorf("%d identities, %d are allowed", len(events), MaxBatch)
	}
	known := make(map[IdentityKey]bool, len(events))
	for i := range events {
		under := events[i].IndexKey()
		if known[under] {
			return fmt.Errorf("identity %s of entity %.80q stands twice", under.Key, under.Entity)
		}
		known[under] = true
	}
	return nil
}
