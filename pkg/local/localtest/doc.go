// Package localtest runs a platform inside a test or benchmark.
//
// It starts, calls and stops a platform and waits for results. Helpers that only
// one test needs belong to that test.
package localtest
