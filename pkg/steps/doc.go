// Package steps contains the functions that the state machines invoke,
// one type per function: their inputs and outputs, time limits, and the error
// names that the state machine retries or catches. How a replay is planned, read
// or proved belongs to package replay.
package steps
