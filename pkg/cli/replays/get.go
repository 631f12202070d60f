package replays

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"reprise/pkg/projection/codecheck"

	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/generations"
	"reprise/pkg/cli/progress"
	"reprise/pkg/datastore"
	"reprise/pkg/meter/spending"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

const getHelp = `
Shows a replay: its input, how far it has come and what it waits for, the proof
that it was complete, for one that failed what to do next, and on AWS what it cost
at list prices, without Lambda time, shards, storage and transfer.

Examples:
  reprise replay get 20260301-093000-1a2b3c4d
  reprise replay get nightly --json | jq .progress
`

func getCommand() command.Command {
	return command.Command{
		Name:    "replay get",
		Arg:     "ID",
		Summary: "show a replay",
		Help:    getHelp,
		Check:   checkID,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			return func(ctx context.Context, id string) error {
				get := func(ctx context.Context, c *client.Client) (lifecycle.View, error) { return c.Replay(ctx, id) }
				return ask(ctx, f, id, get, func(view lifecycle.View) error { return printReplay(f, view) })
			}
		},
	}
}

// catchUpText says how often the cut of a rebuild was moved, the last time to at.
func catchUpText(moves int, at *time.Time) string {
	return fmt.Sprintf("the cut was moved %d times since it became too old for the event stream, the last time to %s",
		moves, command.When(at))
}

func printReplay(f *command.ClientFlags, v lifecycle.View) error {
	if f.JSON {
		return command.PrintJSON(f.App.Stdout, v)
	}
	return command.Table(f.App.Stdout, func(w io.Writer) {
		command.Row(w, "replay", v.ID)
		command.Row(w, "status", statusText(v))
		command.Row(w, "input", inputText(v.Input))
		command.Row(w, "created", command.When(&v.Created))
		command.Row(w, "cut", command.When(v.Cut))
		if v.Ended != nil {
			took := progress.Duration(v.Ended.Sub(v.Created))
			command.Row(w, "ended", fmt.Sprintf("%s, after %s", command.When(v.Ended), took))
		}
		if v.Generation != "" {
			command.Row(w, "generation", v.Generation+map[bool]string{true: ", promoted", false: ""}[v.Promoted])
		}
		if v.Asked != nil {
			command.Row(w, "asked", askedText(v))
		}
		p := v.Progress
		command.Row(w, "events", fmt.Sprintf("%s, %s read, %s delivered, %s consumed", total(v), progress.Count(p.Read),
			progress.Count(p.Delivered), progress.Count(p.Consumed)))
		if v.Proof != nil && v.Proof.Rows != nil {
			command.Row(w, "rows", fmt.Sprintf("%s events applied, %s duplicates, %s entities parked",
				progress.Count(p.Applied), progress.Count(p.Duplicates), progress.Count(p.Parked)))
		}
		if v.Proof != nil && v.Proof.Ignored != nil {
			command.Row(w, "ignored", IgnoredText(*v.Proof.Ignored))
		}
		command.Row(w, "plan", fmt.Sprintf("%d lanes in %d groups, %d slices, lanes read again %d times",
			v.Plan.Lanes, v.Plan.Groups, v.Plan.Slices, v.Plan.Passes))
		if v.Plan.CatchUps > 0 {
			command.Row(w, "catch-up", catchUpText(v.Plan.CatchUps, v.Cut))
		}
		command.Row(w, "readers", parallelismText(v.Plan.Parallelism, v.Plan.Readers))
		if v.Damaged > 0 {
			command.Row(w, "damaged", damagedText(v.Damaged))
		}
		if v.PausedBy != nil {
			command.Row(w, "paused", pausedText(v.ID, v.PausedBy, v.Budget))
		}
		if v.Budget != nil {
			command.Row(w, "budget", budgetText(v.Budget))
		}
		if v.Waiting != nil {
			command.Row(w, "waiting", WaitingText(v.Waiting, f.App.Now()))
		}
		command.Row(w, "proof", proofText(v.Proof))
		if v.Comparison != nil {
			command.Row(w, "changes", generations.DiffText(v.Comparison)+" from "+v.Comparison.Old)
		}
		if v.Proof != nil {
			for _, lost := range v.Proof.Lost {
				command.Row(w, "", "not in the log: "+lost)
			}
		}
		if v.Proof != nil && v.Proof.SameVersion != nil {
			command.Row(w, "states", StatesText(v.Proof.SameVersion))
		}
		if v.Failure != nil {
			command.Row(w, "failure", v.Failure.Error+": "+v.Failure.Cause)
			command.Row(w, "what to do", advice(v))
		}
		if v.Cost != nil {
			command.Row(w, "cost", costText(v.Cost))
			command.Row(w, "most of it", mostText(v.Cost))
		}
	})
}

// askedText says since when a replay asks whether to promote, or what was answered.
func askedText(v lifecycle.View) string {
	switch {
	case v.Approved != nil:
		return fmt.Sprintf("%s, approved %s", command.When(v.Asked), command.When(v.Approved))
	case v.Status.Ended():
		return command.When(v.Asked) + ", not approved"
	}
	return fmt.Sprintf("since %s: %s", command.When(v.Asked), askingText(v))
}

// IgnoredText says how many events no projection handles, and of which types.
func IgnoredText(i datastore.Ignored) string {
	parts := make([]string, 0, len(i.Types)+1)
	for _, t := range i.Types {
		parts = append(parts, t.Type+" "+progress.Count(t.Count))
	}
	if i.Others > 0 {
		parts = append(parts, "others "+progress.Count(i.Others))
	}
	return fmt.Sprintf("%s events of types that no projection handles: %s",
		progress.Count(i.Total()), strings.Join(parts, ", "))
}

func costText(c *spending.Cost) string {
	transitions := "transitions not known"
	if c.Transitions != nil {
		transitions = progress.Count(*c.Transitions) + " transitions"
	}
	return fmt.Sprintf("$%.6f: %s write, %s read and %s PUT units, %s", c.Total.Dollars, unitsText(c.Total.WriteUnits),
		unitsText(c.Total.ReadUnits), unitsText(c.Total.PutUnits), transitions)
}

// unitsText rounds up to whole units.
func unitsText(units float64) string { return progress.Count(int64(math.Ceil(units))) }

// mostText names the three functions that cost the most.
func mostText(c *spending.Cost) string {
	names := slices.SortedFunc(maps.Keys(c.Functions), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.Functions[b].Dollars, c.Functions[a].Dollars), cmp.Compare(a, b))
	})
	const shown = 3
	parts := make([]string, 0, shown)
	for _, name := range names[:min(shown, len(names))] {
		parts = append(parts, fmt.Sprintf("%s $%.6f", name, c.Functions[name].Dollars))
	}
	return command.OrDash(strings.Join(parts, ", "))
}

// total says how many events there are to read.
func total(v lifecycle.View) string {
	if v.Input.Scoped() {
		return "those of single entities"
	}
	return progress.Count(v.Progress.Total) + " in all"
}

func statusText(v lifecycle.View) string {
	if v.Status.Ended() {
		return string(v.Status)
	}
	return fmt.Sprintf("%s (%s)", v.Status, Phase(v))
}

func inputText(r replay.Request) string {
	parts := []string{what(r)}
	if r.From != nil {
		parts = append(parts, "from "+command.When(r.From))
	}
	if r.To != nil {
		parts = append(parts, "to "+command.When(r.To))
	}
	if len(r.Types) > 0 {
		parts = append(parts, "types "+strings.Join(r.Types, " "))
	}
	if len(r.Entities) > 0 {
		parts = append(parts, "entities "+strings.Join(r.Entities, " "))
	}
	if len(r.Prefixes) > 0 {
		parts = append(parts, "entities beginning with "+strings.Join(r.Prefixes, " or "))
	}
	if r.Attribute != nil {
		parts = append(parts, r.Attribute.Name+"="+r.Attribute.Value)
	}
	if r.Effects != "" {
		parts = append(parts, "effects "+string(r.Effects))
	}
	if r.Ordering != "" {
		parts = append(parts, "ordering "+string(r.Ordering))
	}
	if r.Slice != "" {
		parts = append(parts, "slices of "+string(r.Slice))
	}
	if r.Budget != nil {
		parts = append(parts, "budget "+r.Budget.String())
	}
	if r.ToleratedFailures != nil {
		parts = append(parts, fmt.Sprintf("stopped if more than %d lane groups fail", *r.ToleratedFailures))
	}
	if r.Verification != "" {
		parts = append(parts, "to be verified by "+r.Verification+" and dropped")
	}
	if r.Rate > 0 {
		parts = append(parts, progress.Count(int64(r.Rate))+" events/s")
	}
	return strings.Join(parts, ", ")
}

func proofText(p *replay.Proof) string {
	switch {
	case p == nil:
		return "-"
	case p.Complete && p.Scoped:
		return fmt.Sprintf(
			"complete: %s read, %s selected, %s taken in (single entities have no manifest to be held against)",
			progress.Count(p.Read.Count),
			progress.Count(p.Selected.Count),
			progress.Count(p.Applied.Count),
		)
	case p.Complete:
		return fmt.Sprintf("complete: %s expected, %s selected, %s taken in", progress.Count(p.Expected.Count),
			progress.Count(p.Selected.Count), progress.Count(p.Applied.Count))
	}
	const shown = 3
	parts := make([]string, 0, shown+1)
	for _, d := range p.Differences[:min(shown, len(p.Differences))] {
		parts = append(parts, fmt.Sprintf("lane %d, %s: want %s, have %s", d.Lane, d.What,
			progress.Count(d.Want), progress.Count(d.Have)))
	}
	if more := len(p.Differences) - shown; more > 0 {
		parts = append(parts, fmt.Sprintf("%d more, see --json", more))
	}
	return "NOT complete: " + strings.Join(parts, "; ")
}

// StatesText says how states compare with those of a generation of the same version.
func StatesText(c *codecheck.Comparison) string {
	text := fmt.Sprintf("of %s entities compared with generation %s, none differs",
		progress.Count(c.Compared), c.Generation)
	if c.Differing > 0 {
		text = fmt.Sprintf("%s of %s entities differ from generation %s (%s): "+
			"the code of the projections was changed and their version was not",
			progress.Count(c.Differing), progress.Count(c.Compared), c.Generation, c.Names())
	}
	if c.Partial {
		text += " (not all were looked at)"
	}
	return text
}
