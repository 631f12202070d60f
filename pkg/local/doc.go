// Package local runs the platform on one machine: the same handlers as on AWS,
// adapters for the embedded store, event source mappings, the engine of the
// state machine files, and an HTTP server.
//
// This package connects the parts and invokes the functions. Package emulate
// stands in for services of AWS. Anything that AWS would not do belongs into a
// handler or the domain.
package local
