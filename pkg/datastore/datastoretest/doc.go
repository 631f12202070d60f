// Package datastoretest is the conformance suite of Data Stores: it tests an adapter for every
// promise of the contract, and knows nothing of adapters.
package datastoretest
