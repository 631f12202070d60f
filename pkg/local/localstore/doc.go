// Package localstore opens the one database directory that a platform on one
// machine keeps: a Pebble database with a format record, an exclusive lock and
// key spaces that the embedded adapters divide among themselves.
//
// What lives here: opening, refusing, closing, and the key space. What must
// not: anything that knows an event, a lane or a replay. Adapters import this
// package; it imports none of them.
package localstore
