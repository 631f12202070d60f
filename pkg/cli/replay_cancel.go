package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"reprise/pkg/api"
	"reprise/pkg/replay"
)

const replayCancelHelp = `
Stops a replay for good and drops what it created. The active generation stays
as it is.

Examples:
  reprise replay cancel 20260301-093000-1a2b3c4d
`

func replayCancelCommand() command {
	return command{name: "replay cancel", args: "ID", summary: "stop a replay for good", help: replayCancelHelp,
		setup: func(a *app, fs *flag.FlagSet) func(context.Context, []string) error {
			f := a.clientFlags(fs)
			return func(ctx context.Context, args []string) error {
				id, err := replayID(args)
				if err != nil {
					return err
				}
				return f.cancelReplay(ctx, id)
			}
		}}
}

func (f *clientFlags) cancelReplay(ctx context.Context, id string) error {
	c, err := f.client(shortPatience, nil)
	if err != nil {
		return err
	}
	view, err := c.CancelReplay(ctx, id)
	var told *api.Problem
	if errors.As(err, &told) && told.Kind() == "replay-ended" {
		// An answer that was lost on its way may have said so already.
		if ended, getErr := c.Replay(ctx, id); getErr == nil && ended.Status == replay.Cancelled {
			view, err = ended, nil
		}
	}
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(f.app.stdout, view)
	}
	_, err = fmt.Fprintf(f.app.stdout, "replay %s is %s\n", view.ID, view.Status)
	return err
}
