package entity

import (
	"context"
	"flag"
	"fmt"
	"io"

	"reprise/pkg/api/past"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/projection/statediff"
)

const diffHelp = `
Compares an entity's states at two moments, field by field: each a position of the
log, or a logged time, at which the event stream took an event in. Both are folded
from the log with the present projections, of at most 10,000 events. An entity has
no state before its first event.

Exits with 0 if the states are the same, 1 if they differ, and 2 if they could not
be compared.

Examples:
  reprise diff account-42 2026-03-01T00:00:00Z 2026-03-02T00:00:00Z
  reprise diff account-42 0001-0212-0000 0001-0217-0003 --json | jq .changes
`

func diffCommand() command.Command {
	return command.Command{
		Name:    "diff",
		Arg:     "ENTITY",
		Value:   "T1 T2",
		Summary: "compare an entity's states at two times or positions",
		Help:    diffHelp,
		Check:   command.CheckEntity,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			return func(ctx context.Context, entity string) error {
				differ, err := diff(ctx, f, entity, a.Values()[0], a.Values()[1])
				return command.Compared(differ, err)
			}
		},
	}
}

func diff(ctx context.Context, f *command.ClientFlags, entity, from, to string) (differ bool, err error) {
	if from == "" || to == "" {
		return false, command.Misuse("T1 and T2 must be positions, or times such as 2026-03-01T09:30:00Z")
	}
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return false, err
	}
	d, err := c.Diff(ctx, entity, from, to)
	if err != nil {
		return false, err
	}
	if f.JSON {
		return d.Changed > 0, command.PrintJSON(f.App.Stdout, &d)
	}
	return d.Changed > 0, printDifference(f.App.Stdout, &d)
}

func printDifference(out io.Writer, d *past.Difference) error {
	err := command.Table(out, func(w io.Writer) {
		command.Row(w, "entity", d.Entity)
		endRows(w, "from", &d.From)
		endRows(w, "to", &d.To)
		command.Row(w, "folded by", d.Version)
		command.Row(w, "differing", fields(d.Changed))
	})
	if err != nil {
		return err
	}
	return changeTable(out, d.Changes, d.Changed)
}

// changeTable prints the first of the fields that differ, and how many more there are.
func changeTable(out io.Writer, changes []statediff.Change, changed int) error {
	if changed == 0 {
		return nil
	}
	return command.Table(out, func(w io.Writer) {
		command.Row(w, "\nFIELD", "OLD", "NEW")
		for _, change := range changes {
			command.Row(w, fieldName(change.Path), command.OrDash(change.Old), command.OrDash(change.New))
		}
		if more := changed - len(changes); more > 0 {
			command.Row(w, fmt.Sprintf("and %s more", progress.Count(int64(more))))
		}
	})
}

func fields(n int) string {
	if n == 1 {
		return "1 field"
	}
	return progress.Count(int64(n)) + " fields"
}

func endRows(w io.Writer, name string, e *past.End) {
	switch {
	case e.Logged == nil:
		command.Row(w, name, "before the first event")
	default:
		command.Row(w, name, fmt.Sprintf("%s, logged %s: event %s, %s applied", e.Position, logged(*e.Logged),
			progress.Count(int64(e.Number)), progress.Count(e.Count)))
	}
	if e.Parked != nil {
		command.Row(w, "", fmt.Sprintf("parked at %s by %s: %s", e.Parked.Position, e.Parked.Type, e.Parked.Reason))
	}
	if !e.Settled {
		command.Row(w, "", openEnd)
	}
}
