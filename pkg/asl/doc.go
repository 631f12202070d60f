// Package asl runs AWS Step Functions state machine files in JSONata mode on
// one machine: Parse reads and checks a file, an Engine runs executions of it
// and answers for them in the terms of the Step Functions API.
//
// Every step is journalled before it has effects, so an Engine that is opened
// again on the same Journal, after kill -9 too, goes on by itself where the
// last one was. A task is invoked at least once, and never again once its
// result is in the journal. What a file may hold and what the engine does
// beyond the documentation of the service is written in DESIGN.md.
//
// What lives here: the language, the interpreter, history and limits. What
// must not: anything that knows a replay or an event; how a function is
// invoked (Invoker); where the journal lies (Journal; adapters lie below this
// package and pass asltest); the HTTP API.
package asl
