// Package journalpebble keeps the journal of the state machine engine in a key
// space of the local store. It does not know the contents of the journal.
package journalpebble
