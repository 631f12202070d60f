package replays

import (
	"context"
	"flag"

	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/replay/lifecycle"
)

const pauseHelp = `
Lets a replay stand still. Its readers stop within seconds and keep what they have
done; then it waits, at no cost, until it is resumed or cancelled, for up to a
year. The status is PAUSED then. A rebuild that is to follow the event stream has
to go on before half of the stream's retention has passed since its start.

Examples:
  reprise replay pause 20260301-093000-1a2b3c4d
`

const resumeHelp = `
Lets a paused replay go on where it stopped. One whose budget is used up needs a
higher one first: reprise replay set-budget.

Examples:
  reprise replay resume 20260301-093000-1a2b3c4d
`

const continueHelp = `
Lets a failed replay go on from its checkpoints, once the cause of the failure is
mended: "reprise replay get ID" says it. A replay can be continued for 30 days after
its failure; what it has done is kept until then, unless it is cancelled.

Examples:
  reprise replay continue 20260301-093000-1a2b3c4d
`

func continueCommand() command.Command {
	return steeringCommand("continue", "let a failed replay go on", continueHelp, (*client.Client).ContinueReplay)
}

func pauseCommand() command.Command {
	return steeringCommand(
		"pause",
		"let a replay stand still until it is resumed",
		pauseHelp,
		(*client.Client).PauseReplay,
	)
}

func resumeCommand() command.Command {
	return steeringCommand("resume", "let a paused replay go on", resumeHelp, (*client.Client).ResumeReplay)
}

// steeringCommand is a command that sends one request about a replay, which may be sent
// again safely.
func steeringCommand(name, summary, help string,
	send func(c *client.Client, ctx context.Context, id string) (lifecycle.View, error),
) command.Command {
	return command.Command{
		Name:    "replay " + name,
		Arg:     "ID",
		Summary: summary,
		Help:    help,
		Check:   checkID,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			return func(ctx context.Context, id string) error {
				steer := func(ctx context.Context, c *client.Client) (lifecycle.View, error) { return send(c, ctx, id) }
				return ask(ctx, f, id, steer, func(view lifecycle.View) error {
					return command.Say(f.App.Stdout, "replay %s is %s", view.ID, steeredText(view))
				})
			}
		},
	}
}

// steeredText is the status of a replay, or that it is about to pause.
func steeredText(v lifecycle.View) string {
	if v.Pausing {
		return "pausing"
	}
	return string(v.Status)
}
