// Package engine runs AWS Step Functions state machines on one machine and
// answers for their executions in the terms of the Step Functions API: start,
// describe, list, stop, history, map runs, tokens.
//
// Every step is journalled before it has effects, so an Engine that is opened
// again on the same Journal, after kill -9 too, goes on by itself where the
// last one was. A task is invoked at least once, and never again once its
// result is in the journal. DESIGN.md beside package asl says what is written
// when, and why.
//
// What lives here: which executions there are and what is kept of them. What
// must not: how one is run (package interpreter); how a function is invoked
// (interpreter.Invoker); where the journal lies (journal.Journal); the HTTP
// API (package wire); anything that knows a replay or an event.
package engine
