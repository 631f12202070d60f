// Package platformtest makes platforms over embedded stores in memory, for
// tests of a platform's parts and of the code that uses a platform.
//
// It contains one way to put such a platform together, and to read what its
// streams contain. It contains no assertions.
package platformtest
