// Package programs compiles the module's programs for tests that run them as
// processes: once for all test binaries, which go test runs at the same time. It also
// tells go test which files such a test depends on.
//
// The programs are kept in .ci/programs, where go build reuses those that are up to
// date. The directory may be deleted at any time.
package programs
