package replays

import (
	"context"
	"errors"
	"flag"

	"reprise/pkg/api/web"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
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
	return ask(ctx, f, id, func(ctx context.Context, c *client.Client) (lifecycle.View, error) {
		return cancelOnce(ctx, c, id)
	}, func(view lifecycle.View) error {
		return command.Say(f.App.Stdout, "replay %s is %s", view.ID, view.Status)
	})
}

// cancelOnce cancels a replay that an earlier attempt may have cancelled already.
func cancelOnce(ctx context.Context, c *client.Client, id string) (lifecycle.View, error) {
	view, err := c.CancelReplay(ctx, id)
	if problem, ok := errors.AsType[*web.Problem](err); ok && problem.Kind() == "replay-ended" {
		// Its answer was lost.
		if ended, getErr := c.Replay(ctx, id); getErr == nil && ended.Status == replay.Cancelled {
			return ended, nil
		}
	}
	return view, err
}
