package replays

import (
	"cmp"
	"context"
	"flag"
	"io"
	"slices"

	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

const listHelp = `
Lists all replays, the newest last. With --json it prints one line each, without
the counts of progress.

Examples:
  reprise replay list
  reprise replay list --json | jq -r 'select(.status == "FAILED").id'
`

// Commands returns the commands of reprise replay, in the order in which help
// lists them.
func Commands() []command.Command {
	return []command.Command{startCommand(), listCommand(), getCommand(), watchCommand(), cancelCommand()}
}

func listCommand() command.Command {
	return command.Command{
		Name:    "replay list",
		Summary: "list the replays",
		Help:    listHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			return func(ctx context.Context, _ string) error { return listReplays(ctx, f) }
		},
	}
}

func listReplays(ctx context.Context, f *command.ClientFlags) error {
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	var all []lifecycle.View
	err = c.Replays(ctx, func(view lifecycle.View) error {
		all = append(all, view)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(x, y lifecycle.View) int {
		return cmp.Or(x.Created.Compare(y.Created), cmp.Compare(x.ID, y.ID))
	})
	if f.JSON {
		for _, view := range all {
			if err := command.PrintJSON(f.App.Stdout, view); err != nil {
				return err
			}
		}
		return nil
	}
	return command.Table(f.App.Stdout, func(w io.Writer) {
		command.Row(w, "ID", "STATUS", "CREATED", "EVENTS", "GENERATION", "WHAT")
		for _, v := range all {
			command.Row(w, v.ID, v.Status, command.When(&v.Created), progress.Count(v.Progress.Total),
				command.OrDash(v.Generation), inputText(v.Input))
		}
	})
}

// selective reports whether a request has a filter.
func selective(r replay.Request) bool {
	return len(r.Entities) > 0 || len(r.Types) > 0 || r.From != nil || r.To != nil
}

// what describes a request.
func what(r replay.Request) string {
	switch {
	case r.Promote:
		return "rebuild and promote"
	case r.Rebuild:
		return "rebuild"
	case selective(r):
		return "part of the log"
	}
	return "the whole log"
}
