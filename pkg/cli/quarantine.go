package cli

import (
	"context"
	"flag"

	"reprise/pkg/api"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
)

const quarantineListHelp = `
Lists the records that were set aside because they could not be decoded or came
too late for their place. Their events are not in the log and never applied: send
them again. With --json it prints one line each.

Examples:
  reprise quarantine list
  reprise quarantine list --json | jq -r .detail | sort | uniq -c
`

func quarantineListCommand() command.Command {
	return command.Command{
		Name:    "quarantine list",
		Summary: "list the records that were set aside",
		Help:    quarantineListHelp,
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
		err = printPage(f, titles, page.Records, func(r api.QuarantinedRecord) []any {
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
