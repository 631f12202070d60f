// Package controltest is the conformance suite of control tables: it tests every
// promise of the contract, and knows no adapter.
package controltest
