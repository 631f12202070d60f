// Package past serves how entities came to their states over HTTP: the state at a time
// or a position, what became of each event, what differs between two places, and which
// events of a time range have an attribute.
//
// It reads the log only, folds with the present projections into rows that nobody else
// sees, and bounds what each request reads. Every look-up is logged with who asked for
// what, never with what was found. PAST.md says what "at a time" means.
//
// What must not live here: the present rows (package entities), the rules of folding
// (package projection), and anything that writes.
package past
