// Package faults contains a scenario of a deployment whose services throttle, have
// outages and fail in every possible way while functions are killed. It tests that
// the outcome is exact.
package faults
