// Package entity holds the commands about entities: those that show, export and wipe
// state, print and explain histories, compare states of the past, audit events, reverse
// an event, list what was set aside (parked entities, quarantined records), and step over
// an event.
//
// What must not live here: other commands, or requests to the API (package client).
package entity

import "reprise/pkg/cli/command"

// Commands returns the commands of state and history, in the order in which help
// lists them.
func Commands() []command.Command {
	return []command.Command{getCommand(), exportCommand(), wipeCommand(), eventsCommand(), diffCommand(),
		auditCommand(), reverseCommand()}
}

// AsideCommands returns the commands of what was set aside, in the order in which help
// lists them.
func AsideCommands() []command.Command {
	return []command.Command{parkedCommand(), skipCommand(), quarantineCommand()}
}
