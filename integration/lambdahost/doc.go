// Package lambdahost runs unmodified Lambda binaries on this machine: it speaks
// the Lambda Runtime API to them on loopback, starts processes on demand, reuses
// warm ones, ends those that pass their time limit, and reports every failure
// under the name that Lambda and Step Functions give it.
//
// What lives here: processes and invocations, versions and aliases, the Invoker
// of the state machine runner, and the part of the Lambda API over HTTP that the
// functions call themselves. What must not: what a function does, streams or
// tables, or permissions.
package lambdahost
