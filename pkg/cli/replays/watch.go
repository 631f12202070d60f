package replays

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/printable"
	"reprise/pkg/cli/progress"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

const watchHelp = `
Shows how far a replay has come until it ends, and how it ended: on a terminal as a
live view with a line for each lane group, stalled and busy ones first, elsewhere
as a line whenever something has changed, every few seconds at most. With --json it
prints the progress document of the API, one in each line, at most one a second,
and last the replay itself. Counts never fall. It exits 0 only
if the replay succeeded, and 3 if it did but its filters selected no event. The end
of the command does not end the replay. A server that is restarted meanwhile is
waited for, for a minute.

Examples:
  reprise replay watch 20260301-093000-1a2b3c4d
  reprise replay watch nightly --json | tail -n 1 | jq .proof
`

func watchCommand() command.Command {
	return command.Command{
		Name:    "replay watch",
		Arg:     "ID",
		Summary: "show a replay's progress until it ends",
		Help:    watchHelp,
		Check:   checkID,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			return func(ctx context.Context, id string) error {
				meter := progress.New(a.Stderr, a.Now)
				defer meter.Done()
				return watch(ctx, f, id, meter, f.JSON)
			}
		},
	}
}

// checkID refuses what cannot be a replay's id.
func checkID(id string) error {
	if err := replay.CheckID(id); err != nil {
		return command.Misuse("%q is not a replay id: %s", id, requestProblem(err))
	}
	return nil
}

// watch shows a replay until its end, then the replay, and fails unless it
// succeeded. With documents it prints progress documents instead of showing them.
func watch(ctx context.Context, f *command.ClientFlags, id string, meter *progress.Meter, documents bool) error {
	c, err := f.Client(command.LongPatience, meter)
	if err != nil {
		return err
	}
	w := &Watcher{Client: c, Meter: meter, Now: f.App.Now, Sleep: f.App.Sleep}
	if documents {
		w.Each = func(d lifecycle.Detail) error { return command.PrintJSON(f.App.Stdout, d) }
	}
	view, err := w.Watch(ctx, id)
	meter.Done()
	if errors.Is(err, context.Canceled) {
		meter.Note("the replay goes on; watch it again with: reprise replay watch %s", id)
		return err
	}
	if _, unreachable := errors.AsType[*client.Unreachable](err); unreachable {
		return command.Hint(err, "the replay goes on once the platform runs again: reprise replay watch %s", id)
	}
	if err != nil {
		return likeID(ctx, c, id, err)
	}
	if err := printReplay(f, view); err != nil {
		return err
	}
	return judgeReplay(view)
}

// judgeReplay is nil for a replay that succeeded.
func judgeReplay(view lifecycle.View) error {
	switch {
	case view.Status == replay.Succeeded && view.Input.Filtered() && view.Proof != nil && view.Proof.Selected.Count == 0:
		return command.Hint(fmt.Errorf("%w: replay %s succeeded, but selected no event", command.ErrNothing, view.ID),
			"check --entity, --prefix, --type, --attribute, --from and --to: "+
				"ids and types are case-sensitive, times are logged times")
	case view.Status == replay.Succeeded:
		return nil
	case view.Status == replay.Cancelled:
		return command.Hint(fmt.Errorf("replay %s was cancelled", view.ID), "%s", advice(view))
	case view.Failure == nil:
		return command.Hint(fmt.Errorf("replay %s is %s", view.ID, view.Status), "%s", advice(view))
	}
	err := errors.New(printable.Cell(
		fmt.Sprintf("replay %s failed: %s: %s", view.ID, view.Failure.Error, view.Failure.Cause)))
	return command.Hint(err, "%s", advice(view))
}
