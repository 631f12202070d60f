package cli

import (
	"cmp"
	"context"
	"flag"
	"io"
	"slices"

	"reprise/pkg/cli/progress"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

const replayListHelp = `
Lists all replays, the newest last. With --json it prints one line each, without
the counts of progress.

Examples:
  reprise replay list
  reprise replay list --json | jq -r 'select(.status == "FAILED").id'
`

func replayListCommand() command {
	return command{name: "replay list", summary: "list the replays", help: replayListHelp,
		setup: func(a *app, fs *flag.FlagSet) func(context.Context, []string) error {
			f := a.clientFlags(fs)
			return func(ctx context.Context, args []string) error {
				if err := none(args); err != nil {
					return err
				}
				return f.listReplays(ctx)
			}
		}}
}

func (f *clientFlags) listReplays(ctx context.Context) error {
	c, err := f.client(shortPatience, nil)
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
	if f.json {
		for _, view := range all {
			if err := printJSON(f.app.stdout, view); err != nil {
				return err
			}
		}
		return nil
	}
	return table(f.app.stdout, func(w io.Writer) {
		row(w, "ID", "STATUS", "CREATED", "EVENTS", "GENERATION", "WHAT")
		for _, v := range all {
			row(w, v.ID, v.Status, when(&v.Created), progress.Count(v.Progress.Total), orDash(v.Generation), what(v.Input))
		}
	})
}

// what words a request.
func what(r replay.Request) string {
	switch {
	case r.Promote:
		return "rebuild and promote"
	case r.Rebuild:
		return "rebuild"
	case len(r.Entities) > 0 || len(r.Types) > 0 || r.From != nil || r.To != nil:
		return "part of the log"
	}
	return "the whole log"
}
