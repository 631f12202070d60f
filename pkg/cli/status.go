package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/entity"
	"reprise/pkg/cli/progress"
	"reprise/pkg/cli/replays"
)

const statusHelp = `
Shows the platform: streams, how far each consumer lags, the size of the log,
the generations of the Data Store and what was lost of them, and what runs.

Examples:
  reprise status
  reprise status --json | jq '.consumers[] | select(.behindRecords > 0)'
`

func statusCommand() command.Command {
	return command.Command{
		Name:    "status",
		Summary: "show the platform",
		Help:    statusHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			return func(ctx context.Context, _ string) error {
				c, err := f.Client(command.ShortPatience, nil)
				if err != nil {
					return err
				}
				view, err := c.Status(ctx)
				if err != nil {
					return err
				}
				return printStatus(f, view)
			}
		},
	}
}

func printStatus(f *command.ClientFlags, v api.StatusView) error {
	if f.JSON {
		return command.PrintJSON(f.App.Stdout, v)
	}
	out := f.App.Stdout
	for _, part := range []func(io.Writer){
		func(w io.Writer) { printSummary(w, v) },
		func(w io.Writer) { printStreams(w, v) },
		func(w io.Writer) { printGenerations(w, v) },
		func(w io.Writer) { printRunning(w, v, f.App.Now()) },
		func(w io.Writer) { printStorage(w, v) },
	} {
		if err := command.Table(out, part); err != nil {
			return err
		}
	}
	for _, hint := range storageHints(v) {
		_, _ = fmt.Fprintln(f.App.Stderr, "hint: "+hint)
	}
	for _, g := range v.Generations {
		if g.ID == v.Active && g.Lost {
			_, _ = fmt.Fprintln(f.App.Stderr,
				"hint: the active generation is lost; reprise replay start --rebuild --promote --wait builds another generation")
		}
	}
	if v.Code != nil && v.Code.Differing > 0 {
		_, _ = fmt.Fprintln(f.App.Stderr, "hint: raise the version of the projection whenever an event that was accepted "+
			"before leads to a different state; reprise replay start --rebuild --promote --wait replaces the generation")
	}
	if v.Quarantined.Count > 0 {
		_, _ = fmt.Fprintln(f.App.Stderr, "hint: reprise quarantine list shows the records that were set aside, and why")
	}
	if v.Parked.Count > 0 {
		_, _ = fmt.Fprintln(f.App.Stderr,
			"hint: reprise parked list shows the parked entities, and why their events cannot be applied")
	}
	return nil
}

func printSummary(w io.Writer, v api.StatusView) {
	events, bytes := progress.Count(v.Log.Events), progress.Bytes(v.Log.Bytes)
	command.Row(w, "log", fmt.Sprintf("%s events, %s, %d lanes", events, bytes, v.Log.Lanes))
	command.Row(w, "newest event", command.When(v.Log.Newest))
	command.Row(w, "quarantined", bounded(v.Quarantined)+" records")
	command.Row(w, "parked", bounded(v.Parked)+" entities")
	if v.Code != nil {
		command.Row(w, "states", replays.StatesText(&v.Code.Comparison))
	}
	if v.Ignored.Total() > 0 {
		command.Row(w, "ignored", replays.IgnoredText(v.Ignored))
	}
	if v.DiskBytes != nil {
		command.Row(w, "disk", progress.Bytes(*v.DiskBytes))
	}
}

func bounded(b entities.Bounded) string {
	if b.Complete {
		return progress.Count(b.Count)
	}
	return "at least " + progress.Count(b.Count)
}

func printStreams(w io.Writer, v api.StatusView) {
	command.Row(w, "\nSTREAM", "SHARDS", "NEWEST RECORD")
	for _, s := range v.Streams {
		command.Row(w, s.Name, s.Shards, command.When(s.Newest))
	}
	command.Row(w, "\nCONSUMER", "STREAM", "BEHIND")
	for _, c := range v.Consumers {
		command.Row(w, c.Name, c.Stream, behind(c))
	}
}

func behind(c api.ConsumerStatus) string {
	switch {
	case c.BehindRecords == nil && c.BehindMillis == nil:
		return "not known"
	case c.BehindRecords == nil:
		return milliseconds(*c.BehindMillis)
	case *c.BehindRecords == 0 || c.BehindMillis == nil:
		return progress.Count(*c.BehindRecords) + " records"
	}
	return fmt.Sprintf("%s records, %s", progress.Count(*c.BehindRecords), milliseconds(*c.BehindMillis))
}

func milliseconds(n int64) string {
	if n < 10_000 {
		return fmt.Sprintf("%d ms", n)
	}
	return progress.Duration(time.Duration(n) * time.Millisecond)
}

func printGenerations(w io.Writer, v api.StatusView) {
	command.Row(w, "\nGENERATION", "STATUS", "VERSION", "BUILT BY", "REMARK")
	for _, g := range v.Generations {
		status := string(g.Status)
		if g.Lost {
			status += ", LOST"
		}
		command.Row(w, g.ID, status, g.Version, entity.Builder(g.Replay), remark(g))
	}
}

// remark says what was lost of a generation, or why it can never become active.
func remark(g api.GenerationView) string {
	switch {
	case g.Loss != nil && g.Loss.Count > 0:
		return fmt.Sprintf("lost at %s: it lacks %s events of lane %d (%s)", command.When(&g.Loss.At),
			progress.Count(int64(g.Loss.Count)), g.Loss.Lane, g.Loss.Why)
	case g.Loss != nil:
		return fmt.Sprintf("lost at %s: %s", command.When(&g.Loss.At), g.Loss.Why)
	case g.Lost:
		return "lost: its marks are gone"
	case g.Verification != "":
		return "throwaway of verification " + g.Verification
	case g.Withdrawn != "":
		return "cannot become active: its replay ended as " + g.Withdrawn
	}
	return "-"
}

func printRunning(w io.Writer, v api.StatusView, now time.Time) {
	command.Row(w, "\nEXECUTION", "STATUS", "SINCE")
	for _, e := range v.Executions {
		command.Row(w, e.Machine+"/"+e.Name, e.Status, command.When(&e.Started))
	}
	for _, r := range v.Replays {
		percent := ""
		if fraction := replays.Fraction(r); fraction >= 0 {
			percent = fmt.Sprintf(" %.0f%%", fraction*100)
		}
		if r.Waiting != nil {
			percent += ", " + replays.WaitingText(r.Waiting, now)
		}
		command.Row(w, "replay "+r.ID, replays.Phase(r)+percent, command.When(&r.Created))
	}
}
