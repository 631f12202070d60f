// Package eventlogtest is the conformance suite of event logs: it tests an adapter for every
// promise of the contract, and knows nothing of adapters.
package eventlogtest
