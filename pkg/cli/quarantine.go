package cli

import (
	"context"
	"flag"
	"io"

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
	header := true
	for after := ""; ; {
		page, err := c.Quarantine(ctx, after)
		if err != nil {
			return err
		}
		if err := printQuarantine(f, page.Records, header); err != nil {
			return err
		}
		if after, header = page.Next, false; after == "" {
			return nil
		}
	}
}

func printQuarantine(f *command.ClientFlags, records []api.QuarantinedRecord, header bool) error {
	if f.JSON {
		for _, r := range records {
			if err := command.PrintJSON(f.App.Stdout, r); err != nil {
				return err
			}
		}
		return nil
	}
	return command.Table(f.App.Stdout, func(w io.Writer) {
		if header {
			command.Row(w, "LANE", "POSITION", "REASON", "ARRIVED", "SIZE", "DETAIL")
		}
		for _, r := range records {
			command.Row(w, int(r.Lane), r.Position, r.Reason, command.When(&r.Arrival), progress.Bytes(int64(r.Bytes)),
				r.Detail)
		}
	})
}
