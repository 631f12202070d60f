package entity

import (
	"context"
	"flag"
	"fmt"

	"reprise/pkg/cli/command"
)

const wipeHelp = `
Empties the active generation of the Data Store: every row and every mark. It is
not the system of record: the event log is not touched, and a rebuild brings
everything back. Until then, states cannot be read.

Examples:
  reprise state wipe --yes && reprise replay start --rebuild --promote --wait
`

func wipeCommand() command.Command {
	return command.Command{
		Name:    "state wipe",
		Flags:   "--yes",
		Summary: "empty the active generation",
		Help:    wipeHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			yes := fs.Bool("yes", false, "really do it")
			return func(ctx context.Context, _ string) error {
				if !*yes {
					return command.Misuse("this empties the active generation: confirm with --yes")
				}
				return wipe(ctx, f)
			}
		},
	}
}

func wipe(ctx context.Context, f *command.ClientFlags) error {
	c, err := f.Client(command.ShortPatience, nil)
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
	if f.JSON {
		return command.PrintJSON(f.App.Stdout, wiped)
	}
	err = command.Say(f.App.Stdout, "generation %s is empty", wiped.Generation)
	_, _ = fmt.Fprintln(f.App.Stderr, "build another generation with: reprise replay start --rebuild --promote --wait")
	return err
}
