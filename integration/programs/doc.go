// Package programs compiles the module's programs for tests that run them as
// processes.
//
// What lives here: building each program once for all test binaries, which go
// test runs side by side, and telling go test what such a test depends on. What
// must not: running the programs, or how one of them is called.
//
// The programs are kept in .ci/programs, where go build finds those that are up
// to date. The directory may be deleted at any time.
package programs
