package outgoing

import (
	"context"
	"flag"
	"fmt"
	"io"

	"reprise/pkg/api/outgoing"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/effects"
	"reprise/pkg/effects/approval"
)

const showHelp = `
Shows what the business logic as it is now would have sent for the events of a
replay that was started with --rebuild --effects=diff, compared with what was sent:
how many calls are the same, and each difference. Nothing was sent.

changed: sent otherwise. surplus: not sent, but would be. missing: sent, but would
not be. silent: the call did not exist then. unanswered and undecided: not known, for
the reason given. ahead: the live path has not got there yet.

With --json it prints one line for each difference. The look-up is logged.

Examples:
  reprise replay start --rebuild --effects=diff --name fees --wait
  reprise effects show fees
  reprise effects show fees --class missing --json | jq -r .entity
`

type showFlags struct {
	*command.ClientFlags
	class string
}

func showCommand() command.Command {
	return command.Command{
		Name:    "effects show",
		Arg:     "REPLAY",
		Summary: "show what a replay would have sent otherwise",
		Help:    showHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &showFlags{ClientFlags: a.ClientFlags(fs)}
			fs.StringVar(&f.class, "class", "", "show only differences of this `CLASS`")
			return f.run
		},
	}
}

func (f *showFlags) run(ctx context.Context, replay string) error {
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	titles := []any{"CLASS", "ENTITY", "POSITION", "TYPE", "CALL", "SENT", "WANTED", "APPROVED"}
	for after, first := "", true; ; first = false {
		page, err := c.Comparison(ctx, replay, f.class, after)
		if err != nil {
			return err
		}
		if first && !f.JSON {
			if err := summary(f.App.Stdout, &page); err != nil {
				return err
			}
		}
		if len(page.Differences) > 0 {
			err = command.PrintPage(f.ClientFlags, titles, page.Differences, cells)
			titles = nil
		}
		if after = page.Next; err != nil || after == "" {
			return err
		}
	}
}

func cells(e effects.Entry) []any {
	wanted := short(string(e.Wanted))
	if e.Reason != "" {
		wanted = short(e.Reason)
	}
	return []any{e.Class, e.Entity, e.Position, e.Type, callText(e.System, e.Name, e.Part), short(string(e.Sent)),
		wanted, settledText(e.Approved)}
}

func settledText(s *effects.Settled) string {
	switch {
	case s == nil:
		return "-"
	case s.Failed:
		return "failed: " + s.Error
	case !s.Done && s.Error != "":
		return "is tried again: " + s.Error
	case !s.Done:
		return "not yet"
	case s.Sent && s.Undone:
		return "undone, sent anew"
	case s.Undone:
		return "undone"
	}
	return "sent"
}

// classes in the order in which they are shown.
func classes() []effects.Class {
	return []effects.Class{effects.Same, effects.Changed, effects.Surplus, effects.Missing, effects.Silent,
		effects.Unanswered, effects.Undecided, effects.Ahead}
}

func summary(out io.Writer, c *outgoing.Comparison) error {
	return command.Table(out, func(w io.Writer) {
		command.Row(w, "replay", c.Replay)
		if !c.Complete {
			command.Row(w, "INCOMPLETE", "the replay has not compared everything")
		}
		for _, class := range classes() {
			if n := c.Counts[class]; n > 0 || class == effects.Same {
				command.Row(w, string(class), progress.Count(n)+" calls")
			}
		}
		for i := range c.Approvals {
			command.Row(w, fmt.Sprintf("approval %d", c.Approvals[i].Number), approvalText(&c.Approvals[i]))
		}
		command.Row(w, "")
	})
}

func approvalText(a *approval.Approval) string {
	text := fmt.Sprintf("by %s (%s): %d sent, %d undone, %d failed", a.By, a.Reason, a.Sent, a.Undone, a.Failed)
	if a.Ended == nil {
		text += ", under way"
	}
	return text
}

// approvable counts the differences that an approval would carry out.
func approvable(ctx context.Context, c *client.Client, replay string, only *approval.Only) (
	counts map[effects.Class]int64, err error,
) {
	counts = make(map[effects.Class]int64)
	for after := ""; ; {
		page, err := c.Comparison(ctx, replay, "", after)
		if err != nil {
			return nil, err
		}
		for i := range page.Differences {
			e := &page.Differences[i]
			if only.Has(e) && (e.Approved == nil || !e.Approved.Done) {
				counts[e.Class]++
			}
		}
		if after = page.Next; after == "" {
			return counts, nil
		}
	}
}

func total(counts map[effects.Class]int64) (sum int64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}
