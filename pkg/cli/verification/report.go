package verification

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"reprise/pkg/api/verifications"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/printable"
	"reprise/pkg/cli/progress"
	"reprise/pkg/event"
	"reprise/pkg/verify"
)

const reportHelp = `
Shows what a verification has found, or how far it is. It exits 0 only if nothing is
wrong, and 1 on drift. Of many differences it shows the first, and counts all.

Examples:
  reprise verify report verify-20260301-030000-1a2b3c
  reprise verify report nightly --json | jq .report.drift
`

const listHelp = `
Lists all verifications, the newest last. With --json it prints one line each.

Examples:
  reprise verify list
  reprise verify list --json | jq -r 'select(.status == "DRIFT").id'
`

const cancelHelp = `
Cancels a verification. What it has found so far is kept. One that rebuilds cancels its
replay, too, and drops what that has built.

Examples:
  reprise verify cancel verify-20260301-030000-1a2b3c
`

func checkID(id string) error {
	if err := verify.CheckID(id); err != nil {
		return command.Misuse("%q is not the id of a verification: %s", id, verify.Reason(err))
	}
	return nil
}

// asking sets up a command that asks a platform something about a verification.
func asking(
	ask func(c *client.Client, ctx context.Context, id string) (verifications.View, error),
	answer func(*command.ClientFlags, verifications.View) error,
) func(*command.App, *flag.FlagSet) command.Exec {
	return func(a *command.App, fs *flag.FlagSet) command.Exec {
		f := a.ClientFlags(fs)
		return func(ctx context.Context, id string) error {
			c, err := f.Client(command.ShortPatience, nil)
			if err != nil {
				return err
			}
			view, err := ask(c, ctx, id)
			if err != nil {
				return err
			}
			return answer(f, view)
		}
	}
}

func reportCommand() command.Command {
	return command.Command{
		Name:    "verify report",
		Arg:     "ID",
		Summary: "show what a verification has found",
		Help:    reportHelp,
		Check:   checkID,
		Setup: asking((*client.Client).Verification, func(f *command.ClientFlags, view verifications.View) error {
			return errors.Join(show(f, view), judgeEnded(view))
		}),
	}
}

// judgeEnded is judge for a verification that may go on.
func judgeEnded(v verifications.View) error {
	if !v.Status.Ended() {
		return nil
	}
	return judge(v)
}

func cancelCommand() command.Command {
	return command.Command{
		Name:    "verify cancel",
		Arg:     "ID",
		Summary: "cancel a verification",
		Help:    cancelHelp,
		Check:   checkID,
		Setup: asking((*client.Client).CancelVerification, func(f *command.ClientFlags, view verifications.View) error {
			if f.JSON {
				return command.PrintJSON(f.App.Stdout, view)
			}
			return command.Say(f.App.Stdout, "verification %s is %s", view.ID, view.Status)
		}),
	}
}

func listCommand() command.Command {
	return command.Command{
		Name:    "verify list",
		Summary: "list the verifications",
		Help:    listHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			return func(ctx context.Context, _ string) error { return list(ctx, f) }
		},
	}
}

func list(ctx context.Context, f *command.ClientFlags) error {
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	each := func(visit func(verifications.View) error) error { return c.Verifications(ctx, visit) }
	older := func(a, b verifications.View) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	}
	titles := []any{"ID", "STATUS", "CREATED", "TOOK", "DEPTH", "SCOPE", "GENERATION", "ROWS", "EVENTS", "COST", "DRIFT"}
	return command.PrintAll(f, each, older, titles, func(v verifications.View) []any {
		report := cmp.Or(v.Report, &verify.Report{})
		return []any{v.ID, v.Status, command.When(&v.Created), command.OrDash(took(v)),
			v.Depth, command.OrDash(string(v.Scope)), command.OrDash(v.Generation), progress.Count(report.Rows),
			progress.Count(report.Events), command.OrDash(dollars(report.Cost)), command.OrDash(drift(v.Report))}
	})
}

// took is how long a verification took, "" while it goes on.
func took(v verifications.View) string {
	if v.Ended == nil {
		return ""
	}
	return progress.Duration(v.Ended.Sub(v.Created))
}

// dollars is a price to four places: a night may cost less than a cent.
func dollars(c *verify.Cost) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf("$%.4f", c.Dollars)
}

// drift counts what differs, by kind.
func drift(r *verify.Report) string {
	if r == nil {
		return ""
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(r.Drift)) {
		parts = append(parts, fmt.Sprintf("%s %s", progress.Count(r.Drift[kind]), kind))
	}
	return strings.Join(parts, ", ")
}

func show(f *command.ClientFlags, v verifications.View) error {
	if f.JSON {
		return command.PrintJSON(f.App.Stdout, v)
	}
	err := command.Table(f.App.Stdout, func(w io.Writer) { summary(w, v) })
	if err != nil || v.Report == nil || len(v.Report.Differences) == 0 {
		return err
	}
	if err := command.Say(f.App.Stdout, ""); err != nil {
		return err
	}
	return command.Table(f.App.Stdout, func(w io.Writer) {
		command.Row(w, "KIND", "LANE", "WHERE", "WHAT", "WANT", "HAVE")
		for _, d := range v.Report.Differences {
			differs(w, d)
		}
	})
}

func summary(w io.Writer, v verifications.View) {
	command.Row(w, "verification", v.ID)
	command.Row(w, "status", v.Status)
	command.Row(w, "generation", command.OrDash(v.Generation))
	command.Row(w, "depth", v.Depth)
	command.Row(w, "scope", command.OrDash(scope(v)))
	if b := v.Rebuild; b != nil {
		command.Row(w, "rebuild", rebuilt(b))
	}
	command.Row(w, "cut", command.When(v.Cut))
	if v.Ended != nil {
		command.Row(w, "ended", fmt.Sprintf("%s, after %s", command.When(v.Ended),
			progress.Duration(v.Ended.Sub(v.Created))))
	}
	if p := v.Progress; p != nil {
		command.Row(w, "so far", fmt.Sprintf("%d of %d lanes, %s rows, %s of %s events, %s differences", p.Lanes, v.Lanes,
			progress.Count(p.Rows), progress.Count(p.Events), progress.Count(v.Events), progress.Count(p.Drift)))
	}
	if r := v.Report; r != nil {
		command.Row(w, "compared", fmt.Sprintf("%d of %d lanes, %s rows, %s events, %s of the log", r.Lanes, v.Lanes,
			progress.Count(r.Rows), progress.Count(r.Events), progress.Bytes(r.Bytes)))
		if c := r.Cost; c != nil {
			command.Row(w, "cost", fmt.Sprintf("%s at most on AWS: %.0f read units, %.0f write units, %d transitions",
				dollars(c), c.ReadUnits, c.WriteUnits, c.Transitions))
			if b := c.Rebuild; b != nil {
				command.Row(w, "of that the rebuild", fmt.Sprintf("$%.4f: %.0f read units, %.0f write units, %d transitions",
					b.Dollars, b.ReadUnits, b.WriteUnits, b.Transitions))
			}
		}
		if r.RebuiltRows > 0 {
			command.Row(w, "rebuilt", progress.Count(r.RebuiltRows)+" rows of the throwaway, compared as well")
		}
		if len(r.Unfinished) > 0 {
			command.Row(w, "not verified", fmt.Sprintf("%d lanes to their end: %s", len(r.Unfinished), lanes(r.Unfinished)))
		}
		command.Row(w, "drift", cmp.Or(drift(r), "none"))
		if r.Quarantined > 0 {
			command.Row(w, "set aside", progress.Count(r.Quarantined)+" records are in quarantine: reprise quarantine list")
		}
	}
	if v.Failure != nil {
		command.Row(w, "failure", v.Failure.Error+": "+v.Failure.Cause)
	}
}

// rebuilt says what became of the replay of a verification.
func rebuilt(b *verifications.Rebuild) string {
	text := "replay " + b.Replay
	if b.Generation != "" {
		text += " into the throwaway " + b.Generation
	}
	if b.Status != "" {
		text += fmt.Sprintf(", %s", b.Status)
	}
	if b.Status != "" && !b.Status.Ended() {
		text += fmt.Sprintf(", %.0f %%", b.Percent)
	}
	return text
}

// scope says what is verified, "" before that is decided.
func scope(v verifications.View) string {
	switch v.Scope {
	case verifications.Incremental:
		return "what has changed since " + v.Base
	case verifications.Full:
		return "everything"
	}
	return ""
}

// lanes names the first of some lanes.
func lanes(some []event.Lane) string {
	const most = 16
	parts := make([]string, 0, most+1)
	for _, lane := range some[:min(len(some), most)] {
		parts = append(parts, lane.String())
	}
	if len(some) > most {
		parts = append(parts, "…")
	}
	return strings.Join(parts, ", ")
}

// differs prints a difference, and below it the fields of a state that differ.
func differs(w io.Writer, d verify.Difference) {
	where := cmp.Or(d.Entity, string(d.Bucket), "-")
	command.Row(w, d.Kind, d.Lane, printable.Cell(where), d.What, command.OrDash(d.Want), command.OrDash(d.Have))
	for _, field := range d.Fields {
		command.Row(w, "", "", "", "  "+printable.Cell(cmp.Or(field.Path, "(all of it)")),
			command.OrDash(printable.Cell(field.New)), command.OrDash(printable.Cell(field.Old)))
	}
	if more := d.Differing - len(d.Fields); more > 0 {
		command.Row(w, "", "", "", fmt.Sprintf("  and %d more fields", more), "", "")
	}
}
