// Package emulate stands in for the services of AWS that invoke functions: the
// event source mappings of a stream, and an HTTP API with its limits.
//
// This package does what those services promise and nothing else. It contains
// no functions and does not know how they are invoked.
package emulate
