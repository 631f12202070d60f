// Package projections has the scenarios of projections that reject events, are
// mended, or have another version.
//
// What lives here: what a platform does across such a change. What must not: how
// a projection is folded.
package projections
