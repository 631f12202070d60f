// Package datastorepebble keeps generations of the Data Store in a key space of the
// local store.
//
// What lives here: the encoding of rows and marks, and their conditional
// writes. What must not: the registry, what a row means, or another adapter.
package datastorepebble
