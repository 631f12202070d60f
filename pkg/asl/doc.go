// Package asl is the language of AWS Step Functions state machine files, Amazon
// States Language in JSONata mode: Parse reads and checks a file, Lint gives
// advice about it, and a Machine shows its states, whose fields evaluate
// themselves.
//
// The state machine files of this repository use Task, distributed Map, Choice,
// Wait with Seconds, Succeed and Fail, retries, catches and variables. Nothing
// of ours uses Pass, Parallel, inline Map, task tokens with heartbeats, batches,
// tolerated failures or the machine's own TimeoutSeconds; they are supported
// and tested for the machines of users. DESIGN.md has the whole table, with the
// tests, which is itself tested. JSONPath, item readers, result writers,
// express children and integrations other than Lambda are refused by name.
//
// What lives here: the syntax, and what a definition means by itself. What must
// not: how executions run (packages interpreter and engine); anything that
// knows a replay or an event.
package asl
