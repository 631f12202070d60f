// Package samples holds the projections that come with the platform: the demonstration
// and the tests use them.
//
// What lives here: projections that show how one is written. What must not: anything of
// the user's, since upgrades change this folder. Their versions are never raised, so an
// upgrade asks nobody for a rebuild because of them.
package samples
