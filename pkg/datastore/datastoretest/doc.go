// Package datastoretest is the conformance suite of Data Stores: it holds an
// adapter to every promise of the contract, and to nothing else.
//
// What lives here: tests that know the contract alone. What must not: anything
// that knows an adapter.
package datastoretest
