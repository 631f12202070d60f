// Package filelock is a lock between test binaries, which are processes that run at
// the same time.
package filelock
