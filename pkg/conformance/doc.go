// Package conformance contains what the conformance suites of all contracts share
// (controltest, datastoretest, eventlogtest, feedtest). It knows no contract.
package conformance
