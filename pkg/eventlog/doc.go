// Package eventlog is the system of record: the contract of the Events table,
// heads and manifests, and the pump, which alone writes the log.
//
// What lives here: what is in the log and how it gets there, order and
// immutability. What must not: what events mean (package projection), how they
// are delivered again (package replay), or a store. Adapters lie below it and
// pass eventlogtest; an adapter stores entries and nothing else. DESIGN.md
// beside this file says why the log is as it is.
package eventlog
