// Package journalpebble keeps the journal of the state machine runner in the
// embedded store of one machine.
//
// What lives here: the adapter. What must not: anything that knows what the
// journal holds.
package journalpebble
