// Package emulate stands in for the services of AWS that invoke functions: the
// event source mappings of a stream, and an HTTP API with its limits.
//
// This package does what those services promise and nothing else. It contains
// no functions and does not know how they are invoked.
//
// # What requests hold
//
// A request's body is read before the request counts as being worked on, and its
// answer is sent afterwards, so a client that sends or takes bytes slowly holds up
// nobody. The bytes of all bodies and of all answers that are not taken are
// bounded, except for the first 32 KiB of each, which the number of connections
// bounds. Requests with events and requests that read do not wait for each other.
package emulate
