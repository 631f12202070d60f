// Package gateway is the wrapper through which all external updates and queries go, so
// that what a replay may do to the outside is decided in one place.
//
// What lives here: the contract between business logic and external systems. A Service
// declares its calls and reacts to events; a Gateway is what it calls; a System carries a
// call out. Typed calls (UpdateOf, QueryOf) give a service Go types instead of bytes.
//
// What must not: how calls are recorded, retried and compared, which is package effects; a
// client of an external system, which is an adapter; projections, which have no effects.
package gateway
