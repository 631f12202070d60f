package entity

import (
	"bufio"
	"context"
	"flag"
	"fmt"

	"reprise/pkg/cli/command"
)

const eventsHelp = `
Prints the history of an entity from the event log, oldest first, a JSON line
each: {"position","logged","duplicate","event"}. A duplicate is an event of
which the entity had one with the same source and id before; it is never
applied.

With --explain it prints what became of each event when it came: applied,
duplicate, conflict (a duplicate with other content), ignored (no projection
handles its type), parked (the entity is parked at it), waiting (behind that
event) or correction (it steps over an event, or reverses one), with the fields of the state that
it changed, and the attributes correlationid, causationid and actor. The events
are folded with the present projections, for which a history of more than 10,000
events, or 16 MiB of them, is too long: what comes before is printed. With --json
it prints a JSON line for each event.

Examples:
  reprise events account-42
  reprise events account-42 --explain
  reprise events account-42 --explain --json | jq -c 'select(.outcome != "applied")'
  reprise events account-42 | jq -c 'select(.duplicate | not).event'
`

// historyPage is the number of events per request.
const historyPage = 5000

func eventsCommand() command.Command {
	return command.Command{
		Name:    "events",
		Arg:     "ENTITY",
		Summary: "print an entity's history from the log",
		Help:    eventsHelp,
		Check:   command.CheckEntity,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			explain := fs.Bool("explain", false, "print what became of each event, and what it changed")
			return func(ctx context.Context, entity string) error {
				if *explain {
					return printExplanation(ctx, f, entity)
				}
				return printHistory(ctx, f, entity)
			}
		},
	}
}

func printHistory(ctx context.Context, f *command.ClientFlags, entity string) error {
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f.App.Stdout)
	encoder := command.NewEncoder(out)
	after := ""
	for {
		page, err := c.History(ctx, entity, after, historyPage)
		if err != nil {
			return err
		}
		for i := range page.Events {
			if err := encoder.Encode(&page.Events[i]); err != nil {
				return fmt.Errorf("print result: %w", err)
			}
		}
		if err := command.Flush(out); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
}
