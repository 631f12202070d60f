// Package domain is where a user's business logic lives: one file per
// projection, and one line of registration in Projections.
//
// What lives here: pure functions from events to state. What must not: clocks,
// randomness, I/O, or anything of the platform other than the event itself.
package domain
