// Package integration holds scenarios over real parts: the whole platform with
// real event logs, the command line as a process that is killed, and figures.
//
// What lives here: tests and benchmarks that need more than one package. What
// must not: code that anything else imports.
package integration
