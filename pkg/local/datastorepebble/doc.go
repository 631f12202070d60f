// Package datastorepebble keeps generations of the Data Store in a key space of the
// local store.
//
// This package encodes rows and marks and writes them conditionally. It does not
// contain the registry, does not know the meaning of rows, and imports no other
// adapter.
package datastorepebble
