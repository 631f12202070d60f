// Package localstoretest opens, closes and reopens data directories for tests.
// It imports no adapters, so that their tests can import it; package pebbletest
// opens the adapters as well.
package localstoretest
