package cli

import (
	"bufio"
	"context"
	"flag"
	"fmt"
)

const eventsHelp = `
Prints the history of an entity from the event log, oldest first, a JSON line
each: {"position","logged","duplicate","event"}. A duplicate is an event of
which the entity had one with the same source and id before; it is never
applied.

Examples:
  reprise events account-42
  reprise events account-42 | jq -c 'select(.duplicate | not).event'
`

// historyPage is how many events are asked for at a time.
const historyPage = 5000

func eventsCommand() command {
	return command{name: "events", args: "ENTITY", summary: "print an entity's history from the log", help: eventsHelp,
		setup: func(a *app, fs *flag.FlagSet) func(context.Context, []string) error {
			f := a.clientFlags(fs)
			return func(ctx context.Context, args []string) error {
				entity, err := entityID(args)
				if err != nil {
					return err
				}
				return f.printHistory(ctx, entity)
			}
		}}
}

func (f *clientFlags) printHistory(ctx context.Context, entity string) error {
	c, err := f.client(shortPatience, nil)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f.app.stdout)
	encoder := newEncoder(out)
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
		if err := flush(out); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
}
