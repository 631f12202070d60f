// Package asl implements Amazon States Language in JSONata mode, the language
// of AWS Step Functions state machine files: Parse reads and checks a file,
// Lint gives advice about it, and a Machine holds the states, whose fields can
// be evaluated.
//
// The state machine files of this repository use Task, distributed Map, Choice,
// Wait with Seconds, Succeed and Fail, retries, catches and variables. None of
// them uses Pass, Parallel, inline Map, task tokens with heartbeats, item
// batches, tolerated failures or TimeoutSeconds of the whole machine; these are
// supported and tested for users' own machines. DESIGN.md lists every feature
// with its tests, and a test checks that list. JSONPath, item readers, result
// writers, express child executions and integrations other than Lambda are
// refused by name.
//
// Parse takes bounded time and memory for any text of at most
// MaxDefinitionBytes, and every evaluation is bounded; DESIGN.md lists the limits.
//
// This package holds the syntax and the meaning of a definition. It does not
// run executions (packages interpreter and engine do) and knows no replays or
// events.
package asl
