// Package gatewaytest is the suite that every adapter of gateway.System passes.
//
// What lives here: what package effects relies on when it records and repeats calls. What
// must not: anything about one protocol or system.
package gatewaytest
