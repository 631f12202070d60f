// Package readback shows tests what a platform holds and sends: the history of
// an entity, through the API, and what a replay puts on the playback stream, as
// a subscriber reads it.
//
// What lives here: reading. What must not: what is expected of it.
package readback
