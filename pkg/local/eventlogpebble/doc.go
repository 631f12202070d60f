// Package eventlogpebble keeps the event log in a key space of the local store.
//
// What lives here: the encoding of entries and quarantined records, and the
// put on condition that a key is new. What must not: heads, manifests, or
// another adapter.
package eventlogpebble
