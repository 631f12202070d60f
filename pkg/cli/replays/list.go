package replays

import (
	"cmp"
	"context"
	"flag"

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
	return []command.Command{
		startCommand(), listCommand(), getCommand(), watchCommand(), progressCommand(),
		pauseCommand(), resumeCommand(), continueCommand(), setRateCommand(), setParallelismCommand(),
		setBudgetCommand(),
		cancelCommand(), schemaCommand(),
	}
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
	each := func(visit func(lifecycle.View) error) error { return c.Replays(ctx, visit) }
	older := func(a, b lifecycle.View) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) }
	titles := []any{"ID", "STATUS", "CREATED", "EVENTS", "GENERATION", "WHAT"}
	return command.PrintAll(f, each, older, titles, func(v lifecycle.View) []any {
		return []any{v.ID, listedText(v), command.When(&v.Created), progress.Count(v.Progress.Total),
			command.OrDash(v.Generation), inputText(v.Input)}
	})
}

// listedText is a replay's status; of one that is paused, also why if it paused by itself.
func listedText(v lifecycle.View) string {
	if v.Status == replay.ShownPaused && v.PausedBy != nil {
		return string(v.Status) + ": " + v.PausedBy.Cause
	}
	return string(v.Status)
}

// what describes a request.
func what(r replay.Request) string {
	switch {
	case r.Ask:
		return "rebuild, and promote once approved"
	case r.Promote:
		return "rebuild and promote"
	case r.Rebuild:
		return "rebuild"
	case r.Filtered():
		return "part of the log"
	}
	return "the whole log"
}
