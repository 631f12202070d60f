package entity

import (
	"context"
	"flag"

	"reprise/pkg/api/entities"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
)

const quarantineHelp = `
Lists the records that were set aside because they could not be decoded or came
too late for their place. Their events are not in the log and never applied: send
them again. With --json it prints one line each.

Examples:
  reprise quarantine list
  reprise quarantine list --json | jq -r .detail | sort | uniq -c
`

func quarantineCommand() command.Command {
	return command.Command{
		Name:    "quarantine list",
		Summary: "list the records that were set aside",
		Help:    quarantineHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			return func(ctx context.Context, _ string) error { return listQuarantine(ctx, f) }
		},
	}
}

func listQuarantine(ctx context.Context, f *command.ClientFlags) error {
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	titles := []any{"LANE", "POSITION", "REASON", "ARRIVED", "SIZE", "DETAIL"}
	for after := ""; ; {
		page, err := c.Quarantine(ctx, after)
		if err != nil {
			return err
		}
		err = command.PrintPage(f, titles, page.Records, func(r entities.QuarantinedRecord) []any {
			return []any{int(r.Lane), r.Position, r.Reason, command.When(&r.Arrival), progress.Bytes(int64(r.Bytes)), r.Detail}
		})
		if err != nil {
			return err
		}
		if after, titles = page.Next, nil; after == "" {
			return nil
		}
	}
}
