// Package localstoretest opens data directories for tests.
//
// What lives here: opening, closing and opening again. What must not: the
// adapters that keep something in a directory, so that their own tests can import
// this package; package pebbletest opens those as well.
package localstoretest
