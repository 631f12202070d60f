// Package cli is the command line: one file per command, with its flags and
// examples. Data goes to stdout; progress and errors go to stderr, each error
// with what to do next.
//
// What lives here: the list of commands, and every command but those of reprise
// replay (package replays). What must not: flags and output that all commands
// share (package command), the platform (package local), HTTP (package client),
// or how a file is sent (package send).
package cli
