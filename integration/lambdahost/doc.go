// Package lambdahost runs unmodified Lambda binaries on this machine: it serves
// them the Lambda Runtime API on loopback, starts processes on demand, reuses warm
// ones, kills those that exceed their time limit, and reports every failure under
// the name that Lambda and Step Functions give it.
//
// It also has versions and aliases, the Invoker of the state machine runner, and
// the part of the Lambda API that the functions call themselves. It knows nothing
// of streams, tables or permissions, or of what a function does.
package lambdahost
