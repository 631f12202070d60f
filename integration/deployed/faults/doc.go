// Package faults has the scenario of a deployment whose services throttle, are
// out and fail in every way that they know, while functions are killed.
//
// What lives here: what fails, and that the outcome is exact. What must not: how
// a fault is made.
package faults
