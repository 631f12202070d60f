package cli

import (
	"context"
	"flag"
	"fmt"
)

const stateWipeHelp = `
Empties the active generation of the Data Store: every row and every mark. It is
not the system of record: the event log is not touched, and a rebuild brings
everything back. Until then, states cannot be read.

Examples:
  reprise state wipe --yes && reprise replay start --rebuild --promote --wait
`

func stateWipeCommand() command {
	return command{name: "state wipe", args: "--yes", summary: "empty the active generation", help: stateWipeHelp,
		setup: func(a *app, fs *flag.FlagSet) func(context.Context, []string) error {
			f := a.clientFlags(fs)
			yes := fs.Bool("yes", false, "really do it")
			return func(ctx context.Context, args []string) error {
				if err := none(args); err != nil {
					return err
				}
				if !*yes {
					return misuse("this empties the active generation: say --yes if that is what you want")
				}
				return f.wipe(ctx)
			}
		}}
}

func (f *clientFlags) wipe(ctx context.Context) error {
	c, err := f.client(shortPatience, nil)
	if err != nil {
		return err
	}
	generations, err := c.Generations(ctx)
	if err != nil {
		return err
	}
	wiped, err := c.Wipe(ctx, generations.Active)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(f.app.stdout, wiped)
	}
	_, err = fmt.Fprintf(f.app.stdout, "generation %s is empty\n", wiped.Generation)
	_, _ = fmt.Fprintln(f.app.stderr, "build another one from the log with: reprise replay start --rebuild --promote --wait")
	return err
}
