// Package engine runs AWS Step Functions state machines on one machine. It
// offers the actions of the Step Functions API: start, describe, list and stop
// executions, read their history, describe map runs, return task tokens.
//
// Every step is journalled before it has effects, so a new Engine on the same
// Journal resumes all executions, even after kill -9. A task is invoked at least
// once, and never again once its result is durable in the journal. DESIGN.md of
// package asl explains what is written when.
//
// This package keeps the list of executions. Package interpreter runs one
// execution, interpreter.Invoker invokes functions, journal.Journal stores
// records and package wire serves the HTTP API. Nothing here knows replays or
// events.
package engine
