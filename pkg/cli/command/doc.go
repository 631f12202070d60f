// Package command is what all commands share: how arguments find their command,
// help, common flags, output, exit codes, and errors with what to do next.
//
// What must not live here: any single command.
package command
