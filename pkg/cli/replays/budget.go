package replays

import (
	"context"
	"flag"

	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/request"
)

const setBudgetHelp = `
Sets what a replay may use, in money or in read units; none lifts the budget. When
it is used up, the replay pauses within seconds. A replay that has used more
already pauses at once; one that is paused stays so until it is resumed, which
--resume does as well. What was delivered is always taken in and proved, whatever
that uses.

On one machine nothing is charged: there the budget counts what AWS would charge
for the same work at most.

Examples:
  reprise replay set-budget 20260301-093000-1a2b3c4d 5usd --resume
  reprise replay set-budget 20260301-093000-1a2b3c4d 400000ru
  reprise replay set-budget 20260301-093000-1a2b3c4d none
`

func setBudgetCommand() command.Command {
	return command.Command{
		Name:    "replay set-budget",
		Arg:     "ID",
		Value:   "AMOUNT",
		Summary: "limit what a replay may use",
		Help:    setBudgetHelp,
		Check:   checkID,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			resume := fs.Bool("resume", false, "let the replay go on if it is paused")
			return func(ctx context.Context, id string) error { return setBudget(ctx, f, id, *resume) }
		},
	}
}

func setBudget(ctx context.Context, f *command.ClientFlags, id string, resume bool) error {
	var budget request.Budget
	if text := f.App.Value(); text != "none" {
		var err error
		if budget, err = request.BudgetOf(text); err != nil {
			return command.Misuse("AMOUNT: %s, or none", err)
		}
	}
	set := func(ctx context.Context, c *client.Client) (lifecycle.View, error) {
		view, err := c.SetReplayBudget(ctx, id, budget)
		if err == nil && resume {
			view, err = c.ResumeReplay(ctx, id)
		}
		return view, err
	}
	return ask(ctx, f, id, set, func(view lifecycle.View) error {
		return command.Say(f.App.Stdout, "replay %s is %s; its budget: %s",
			view.ID, steeredText(view), budgetText(view.Budget))
	})
}

// budgetText is a budget with what of it is used.
func budgetText(b *lifecycle.Budget) string {
	if b == nil {
		return "none"
	}
	if b.Spent == nil {
		return b.Limit.String()
	}
	text := b.Limit.String() + ", used so far " + b.Spent.String()
	if !b.Charged {
		text += " (what AWS would charge at most; nothing is charged here)"
	}
	return text
}

// pausedText says why a replay paused by itself, and which command lets it go on; "" if
// it did not.
func pausedText(id string, by *replay.PauseReason, b *lifecycle.Budget) string {
	if by == nil {
		return ""
	}
	if raised := b == nil || (!b.UsedUp && b.Limit != by.Budget); raised {
		return by.Cause + "; the budget was raised since, go on: reprise replay resume " + id
	}
	return by.Cause + "; raise it and go on: reprise replay set-budget " + id + " AMOUNT --resume"
}
