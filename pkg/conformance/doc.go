// Package conformance is the scaffold of the suites that every adapter of a
// contract passes (controltest, datastoretest, eventlogtest, feedtest).
//
// What lives here: what a run of a suite consists of, whatever its contract. What
// must not: anything of a contract.
package conformance
