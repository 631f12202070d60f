// Package gateway is the wrapper through which all external updates and queries
// go, so that a replay can keep them from happening.
//
// What lives here: the contract between business logic and the outside, and a
// gateway that lets nothing through. What must not: projections, which have no
// effects at all, or a client of any external system.
package gateway
