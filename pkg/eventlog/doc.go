// Package eventlog is the system of record: the contract of the Events table,
// heads and manifests, and the pump, which alone writes the log.
//
// It decides what is in the log, how it gets there and in which order. It does
// not contain what events mean (package projection), how they are replayed
// (package replay), nor a store: adapters are below it, pass eventlogtest, and
// store entries and nothing else. DESIGN.md explains the design.
package eventlog
