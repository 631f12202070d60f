// Package domain holds the user's business logic: one file per projection, and
// one line per projection in Projections. This folder belongs to the user: upgrades
// change only its folder samples.
//
// What lives here: pure functions from events to state. What must not: clocks,
// randomness, I/O, or any part of the platform but the event.
package domain
