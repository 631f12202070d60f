// Package local composes the platform on one machine: the handlers that run on
// AWS, the embedded store behind the same contracts, event source mappings,
// the runner of the state machine files, and an HTTP gateway in front.
//
// What lives here: wiring, and the parts of AWS that have no other place: the
// gateway that makes API Gateway events of HTTP requests, and the mappings
// that make Kinesis events of streams. What must not: anything that AWS would
// not do; that belongs into a handler or the domain.
package local
