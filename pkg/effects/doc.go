// Package effects is how business logic reaches the outside: once in effect, visibly, and
// never from a replay unless a person approved that very call.
//
// What lives here: the effects log (Ledger), which records every call with its answer; the
// Reactor, which follows the event stream, folds each entity's state beside the Data Store
// and calls the service with the state before and after each event; what becomes of an
// entity whose call fails (Waiting); and, in package difference, what a replay would have
// sent and did not.
//
// What must not: the contract of services and systems, which is package gateway; a client
// of any system; the rows of a generation, which package projection writes. All documents
// are those of a control.Table of their own, so every adapter of that contract serves.
package effects
