// Package platformtest makes platforms over embedded stores in memory, for tests
// of whatever a platform is made of or used by.
//
// What lives here: one way to put such a platform together, and to read what lies
// in its streams. What must not: assertions.
package platformtest
