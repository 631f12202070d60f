// Package process runs the command line as a process of its own, so that tests
// can kill it: the platform, and clients of it.
//
// What lives here: starting, calling and ending processes. What must not:
// anything that only some test needs.
package process
