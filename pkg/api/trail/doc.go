// Package trail keeps in memory how the replays of a platform went lately, so that a page
// that is opened late can show what was before.
//
// What lives here: a bounded number of samples. What must not: reading a platform, which
// the live feed does.
package trail
