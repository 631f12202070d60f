package replays

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/meter/forecast"
	"reprise/pkg/replay/request"
)

// printPlan prints a plan with every default filled in.
func printPlan(f *command.ClientFlags, p forecast.Plan) error {
	if f.JSON {
		return command.PrintJSON(f.App.Stdout, p)
	}
	return command.Table(f.App.Stdout, func(w io.Writer) {
		in := p.Input
		command.Row(w, "dry run", "nothing was started")
		command.Row(w, "from", orText(in.From == nil, "the first event", command.When(in.From)))
		command.Row(w, "to", orText(in.To == nil, "now, "+command.When(&p.Cut), command.When(in.To)))
		command.Row(w, "types", orText(len(in.Types) == 0, "all", strings.Join(in.Types, " ")))
		command.Row(w, "entities", selectedText(in))
		if in.Attribute != nil {
			command.Row(w, "attribute", in.Attribute.Name+"="+in.Attribute.Value)
		}
		command.Row(w, "target", targetText(in))
		if in.Effects != nil {
			command.Row(w, "effects", "compared with what was sent; nothing is sent")
		}
		command.Row(w, "ordering", in.Ordering)
		command.Row(w, "parallelism", orText(p.Readers == in.Parallelism, strconv.Itoa(in.Parallelism),
			fmt.Sprintf("%d, of which the platform allows %d", in.Parallelism, p.Readers)))
		command.Row(w, "rate", orText(in.Rate == 0, "no limit", progress.Count(int64(in.Rate))+" events/s"))
		command.Row(w, "budget", orText(in.Budget == nil, "none", budgetPlanText(p.Budget)))
		command.Row(w, "failures", toleratedText(in.ToleratedFailures))
		width := "chosen by the plan"
		if in.Slice != nil {
			width = "of " + string(*in.Slice)
		}
		command.Row(w, "plan", fmt.Sprintf("%d lanes in %d groups, %d slices %s", p.Lanes, p.Groups, p.Slices, width))
		command.Row(w, "events read", rangeText(p.Read))
		command.Row(w, "delivered", rangeText(p.Delivered))
		command.Row(w, "bytes", progress.Count(p.Bytes))
		command.Row(w, "entities read", entitiesText(p.Entities))
		command.Row(w, "time", timeText(p.Duration))
		if p.CatchUp != forecast.NoCatchUp {
			command.Row(w, "catch-up", string(p.CatchUp)+": it may take longer than half of the event stream's retention; "+
				"then it moves its cut and reads what came since")
		}
		printCost(w, p.Cost)
		if p.Budget != nil && p.Budget.Warning != "" {
			command.Row(w, "WARNING", p.Budget.Warning)
		}
	})
}

func orText(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// budgetPlanText is a budget with what is expected of it.
func budgetPlanText(b *forecast.Budget) string {
	if b == nil {
		return ""
	}
	text := b.Limit.String() + ", which suffices"
	if b.Warning != "" {
		text = fmt.Sprintf("%s, which may be used up before the end", b.Limit)
	}
	return text
}

func toleratedText(n *int) string {
	if n == nil {
		return "tolerated: if a lane group fails, the others go on"
	}
	return fmt.Sprintf("%d tolerated: if more lane groups fail, the others are stopped", *n)
}

func selectedText(in forecast.Input) string {
	var parts []string
	if len(in.Entities) > 0 {
		parts = append(parts, strings.Join(in.Entities, " "))
	}
	if len(in.Prefixes) > 0 {
		parts = append(parts, "beginning with "+strings.Join(in.Prefixes, " or "))
	}
	return orText(len(parts) == 0, "all", strings.Join(parts, ", and "))
}

func targetText(in forecast.Input) string {
	switch {
	case in.Promote == request.Ask:
		return "a new generation, which becomes the active one once somebody approves"
	case in.Promote == request.Auto:
		return "a new generation, which becomes the active one"
	case in.Rebuild:
		return "a new generation"
	}
	return "the playback stream"
}

func rangeText(r forecast.Range) string {
	if r.AtLeast == r.AtMost {
		return progress.Count(r.AtMost)
	}
	return progress.Count(r.AtLeast) + " to " + progress.Count(r.AtMost)
}

func entitiesText(n *int) string {
	if n == nil {
		return "unknown: manifests do not count entities"
	}
	return progress.Count(int64(*n))
}

// timeText gives an expected time with what it rests on.
func timeText(d forecast.Duration) string {
	text := "at least " + secondsText(d.AtLeast)
	if d.AtMost != nil {
		text = secondsText(d.AtLeast) + " to " + secondsText(*d.AtMost)
	}
	return text + " (" + d.Basis + ")"
}

// secondsText bounds what a duration can hold.
func secondsText(seconds float64) string {
	const most = 100 * 365 * 24 * 3600
	return progress.Duration(time.Duration(math.Min(seconds, most) * float64(time.Second)))
}

func printCost(w io.Writer, c *forecast.Cost) {
	if c == nil {
		command.Row(w, "cost", "nothing is charged here")
		return
	}
	command.Row(w, "cost", dollarsText(c.Dollars)+", without Lambda time, shards, storage and transfer")
	for _, part := range c.Parts {
		command.Row(w, "", dollarsText(part.Dollars)+" to "+part.Name)
	}
}

func dollarsText(d forecast.Dollars) string {
	return fmt.Sprintf("$%.6f to $%.6f", d.AtLeast, d.AtMost)
}
