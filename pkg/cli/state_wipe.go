package cli

import (
	"context"
	"flag"
	"fmt"

	"reprise/pkg/cli/command"
)

const stateWipeHelp = `
Empties the active generation of the Data Store: every row and every mark. It is
not the system of record: the event log is not touched, and a rebuild brings
everything back. Until then, states cannot be read.

Examples:
  reprise state wipe --yes && reprise replay start --rebuild --promote --wait
`

func stateWipeCommand() command.Command {
	return command.Command{Name: "state wipe", Args: "--yes", Summary: "empty the active generation", Help: stateWipeHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) func(context.Context, []string) error {
			f := a.ClientFlags(fs)
			yes := fs.Bool("yes", false, "really do it")
			return func(ctx context.Context, args []string) error {
				if err := command.NoArgs(args); err != nil {
					return err
				}
				if !*yes {
					return command.Misuse("this empties the active generation: say --yes if that is what you want")
				}
				return wipe(ctx, f)
			}
		}}
}

func wipe(ctx context.Context, f *command.ClientFlags) error {
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	roll, err := c.Generations(ctx)
	if err != nil {
		return err
	}
	wiped, err := c.Wipe(ctx, roll.Active)
	if err != nil {
		return err
	}
	if f.JSON {
		return command.PrintJSON(f.App.Stdout, wiped)
	}
	_, err = fmt.Fprintf(f.App.Stdout, "generation %s is empty\n", wiped.Generation)
	_, _ = fmt.Fprintln(f.App.Stderr, "build another one from the log with: reprise replay start --rebuild --promote --wait")
	return err
}
