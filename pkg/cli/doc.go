// Package cli is the command line: one file a command, with its flags and
// examples. Data goes to stdout, progress and errors to stderr, each error with
// what to do next.
//
// What lives here: flags, output and exit codes. What must not: the platform
// (package local), HTTP (package client), or how a file is sent (package send).
package cli
