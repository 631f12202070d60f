// Package steps has the functions that the replay state machine calls, one type
// per function.
//
// What lives here: inputs and outputs as the state machine passes them, time
// limits, and the error names that it retries or catches. What must not: how a
// replay is planned, read or proved.
package steps
