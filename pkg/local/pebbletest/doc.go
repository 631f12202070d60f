// Package pebbletest opens the embedded stores for tests, all of one directory in
// memory.
//
// What lives here: opening them. What must not: what a test keeps in them.
package pebbletest
