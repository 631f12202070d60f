// Package outside says how the external systems of the user's services are reached: by
// package httpsystem, or by an adapter of one's own. This folder belongs to the user, as
// package domain does: upgrades leave it alone. pkg/gateway/GATEWAY.md says how to write an
// adapter.
//
// What lives here: adapters of gateway.System, and a line for each in Systems. What must
// not: business logic, which is in package domain and reaches nothing but its gateway.
package outside
