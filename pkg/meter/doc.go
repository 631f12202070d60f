// Package meter counts what AWS charges for: read and write units, PUT payload
// units and state transitions, by the part of the platform that used them.
//
// What lives here: counters, the documented arithmetic of units, and prices. What
// must not: calls of any service, or imports beyond the standard library.
package meter
