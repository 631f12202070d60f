// Package local composes the platform on one machine: the handlers that run on
// AWS, the embedded store behind the same contracts, event source mappings,
// the runner of the state machine files, and an HTTP gateway in front.
//
// What lives here: wiring, and what calls functions by itself. What stands in
// for services of AWS lies below, in emulate. What must not: anything that AWS
// would not do; that belongs into a handler or the domain.
package local
