// Package platform puts the platform together: from stores, streams, a clock,
// projections and settings it makes every function, and the one keeper of the
// generations' consumers. AWS, one machine and the simulation hand in their own
// parts and get the same functions.
//
// What lives here: which part a function is made of, and what surrounds each (its
// log line, its cost, the look at the consumers). What must not: an adapter, a
// client, the environment, or a decision about events.
package platform
