// Package gateway is the wrapper through which all external updates and queries
// go, so that a replay can prevent them.
//
// What lives here: the contract between business logic and external systems, and a
// gateway that refuses everything. What must not: projections, which have no
// effects, or a client of any external system.
package gateway
