// Package localtest runs a platform inside a test or benchmark.
//
// What lives here: starting, calling, waiting and stopping. What must not:
// anything that only some test needs.
package localtest
