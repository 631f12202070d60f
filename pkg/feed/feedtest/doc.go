// Package feedtest is the conformance suite of streams: it tests every promise of
// the contract, and knows no adapter.
package feedtest
