// Package domain holds the user's business logic: one file per projection, one line per
// projection in Projections, and the service with effects that Service returns. This folder
// belongs to the user: upgrades change only its folder samples.
//
// What lives here: pure functions from events to state, and services, which reach the
// outside through their gateway only. What must not: clocks, randomness, I/O, adapters of
// external systems (package outside), or any part of the platform but the event and the
// gateway.
package domain
