// Package localstore opens the data directory of a platform on one machine: a
// Pebble database with a format record, an exclusive lock and one key space for
// each embedded adapter.
//
// This package knows no events, lanes or replays. Adapters import it; it imports
// none of them.
package localstore
