package replays

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"reprise/pkg/cli/board"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/replay/lifecycle"
)

const progressHelp = `
Shows the progress of a replay in all and by lane group: events read, left out by
the selection, delivered, taken in, applied, duplicates and parked entities, the
rates, the time that is left, and groups that stand still. reprise replay watch
follows a replay to its end.

Examples:
  reprise replay progress 20260301-093000-1a2b3c4d
  reprise replay progress nightly --json | jq '.groups[] | select(.stalled)'
`

func progressCommand() command.Command {
	return command.Command{
		Name:    "replay progress",
		Arg:     "ID",
		Summary: "show a replay's progress by lane group",
		Help:    progressHelp,
		Check:   checkID,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			return func(ctx context.Context, id string) error {
				get := func(ctx context.Context, c *client.Client) (lifecycle.Detail, error) {
					return c.ReplayProgress(ctx, id)
				}
				return ask(ctx, f, id, get, func(detail lifecycle.Detail) error {
					return command.Table(f.App.Stdout, func(w io.Writer) { printDetail(w, &detail) })
				})
			}
		},
	}
}

func printDetail(w io.Writer, d *lifecycle.Detail) {
	command.Row(w, "replay", d.ID)
	command.Row(w, "status", fmt.Sprintf("%s, %s", d.Status, percentText(d)))
	if d.PausedBy != nil {
		command.Row(w, "paused", pausedText(d.ID, d.PausedBy, d.Budget))
	}
	if d.Budget != nil {
		command.Row(w, "budget", budgetText(d.Budget))
	}
	if d.CatchUps > 0 {
		command.Row(w, "catch-up", catchUpText(d.CatchUps, d.Cut))
	}
	command.Row(w, "rate", rateText(d))
	command.Row(w, "left", leftText(d.ETA))
	command.Row(w, "readers", parallelismText(d.Parallelism, d.Readers))
	command.Row(w, "\nGROUP", "LANES", "SLICE", "READ", "LEFT OUT", "DELIVERED", "TAKEN IN", "APPLIED", "DUPLICATES",
		"PARKED", "STATE")
	for i := range d.Groups {
		g := &d.Groups[i]
		row := append([]any{g.Group, len(g.Lanes), sliceText(g, len(d.Slices))}, cells(&g.Counts)...)
		command.Row(w, append(row, groupState(g, d.At))...)
	}
	command.Row(w, append([]any{"all", "", ""}, cells(&d.Counts)...)...)
}

func cells(c *lifecycle.Counts) []any {
	var all []any
	for _, n := range []int64{c.Read, c.Filtered, c.Delivered, c.Consumed, c.Applied, c.Duplicates, c.Parked} {
		all = append(all, progress.Count(n))
	}
	return all
}

func percentText(d *lifecycle.Detail) string {
	if d.Percent == nil {
		return "size unknown"
	}
	return fmt.Sprintf("%.0f %% of %s events", *d.Percent, progress.Count(d.Total))
}

func rateText(d *lifecycle.Detail) string {
	text := board.Rate(d)
	if d.Pace != nil {
		text += "; " + PaceText(d.Pace)
	}
	return text
}

func leftText(eta *lifecycle.ETA) string {
	if eta == nil {
		return "unknown"
	}
	return strings.TrimSuffix(board.Left(eta), " left")
}

func sliceText(g *lifecycle.GroupProgress, slices int) string {
	if g.Slice < 0 {
		return "-"
	}
	return fmt.Sprintf("%d of %d", g.Slice+1, slices)
}

func groupState(g *lifecycle.GroupProgress, now time.Time) string {
	switch {
	case g.Stalled != nil:
		return fmt.Sprintf("stalled for %s: %s", progress.Duration(now.Sub(g.Stalled.Since)), g.Stalled.Why)
	case g.Done:
		return "done"
	case g.Moved == nil:
		return "waits for a reader"
	}
	return progress.Count(int64(g.Rate)) + "/s"
}
