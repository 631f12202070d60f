// Package reversals serves the reversal of an event over HTTP: what would follow, and the
// correction that does it. REVERSALS.md says what reversing means.
//
// It reads the log, folds an entity with the present projections into rows that nobody
// else sees, and changes nothing itself: a reversal is an event that package intake
// appends.
//
// What must not live here: the rules by which reversals are folded (package projection),
// and other corrections (package entities).
package reversals
