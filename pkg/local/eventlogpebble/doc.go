// Package eventlogpebble keeps the event log in a key space of the local store.
//
// This package encodes entries and quarantined records and puts them on
// condition that the key is new. It does not know heads or manifests and imports
// no other adapter.
package eventlogpebble
