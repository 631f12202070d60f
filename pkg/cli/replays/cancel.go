package replays

import (
	"context"
	"errors"
	"flag"

	"reprise/pkg/api"
	"reprise/pkg/cli/command"
	"reprise/pkg/replay"
)

const cancelHelp = `
Stops a replay for good and drops what it created. The active generation stays
as it is.

Examples:
  reprise replay cancel 20260301-093000-1a2b3c4d
`

func cancelCommand() command.Command {
	return command.Command{
		Name:    "replay cancel",
		Arg:     "ID",
		Summary: "stop a replay for good",
		Help:    cancelHelp,
		Check:   checkID,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			return func(ctx context.Context, id string) error { return cancelReplay(ctx, f, id) }
		},
	}
}

func cancelReplay(ctx context.Context, f *command.ClientFlags, id string) error {
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	view, err := c.CancelReplay(ctx, id)
	if problem, ok := errors.AsType[*api.Problem](err); ok && problem.Kind() == "replay-ended" {
		// An earlier attempt may have cancelled it, and its answer been lost.
		if ended, getErr := c.Replay(ctx, id); getErr == nil && ended.Status == replay.Cancelled {
			view, err = ended, nil
		}
	}
	if err != nil {
		return likeID(ctx, c, id, err)
	}
	if f.JSON {
		return command.PrintJSON(f.App.Stdout, view)
	}
	return command.Say(f.App.Stdout, "replay %s is %s", view.ID, view.Status)
}
