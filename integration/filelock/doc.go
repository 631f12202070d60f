// Package filelock lets test binaries, which are processes that run side by
// side, do something once.
//
// What lives here: the lock. What must not: what is done under it.
package filelock
