package entity

import (
	"context"
	"flag"
	"fmt"

	"reprise/pkg/api/past"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/cli/selection"
)

const auditHelp = `
Lists the events of all entities, logged from a time on and before another, whose
attribute correlationid or actor has a value: where they are in the log, and what
caused them, without their data. With --json it prints one line each.

The log has no index of attributes: the time range is read, lane by lane, so narrow
it down, or name an --entity-prefix. Events are printed as they are found, in the
order of the lanes; those of an entity are in order. If it is interrupted, it says
how to go on.

Examples:
  reprise audit --correlation order-7 --from 2026-03-01T00:00:00Z
  reprise audit --actor ann --from 2026-03-01T00:00:00Z --to 2026-03-02T00:00:00Z
  reprise audit --actor ann --from 2026-03-01T00:00:00Z --json | jq -s 'sort_by(.logged)[]'
`

// auditPage is the number of events per request.
const auditPage = 1000

type auditFlags struct {
	*command.ClientFlags
	filter client.AuditFilter
	after  string
}

func auditCommand() command.Command {
	return command.Command{
		Name:    "audit",
		Flags:   "--correlation ID | --actor NAME --from TIME",
		Summary: "list the events of a time range that have a correlation or an actor",
		Help:    auditHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &auditFlags{ClientFlags: a.ClientFlags(fs)}
			fs.StringVar(&f.filter.Correlation, "correlation", "", "list events whose attribute correlationid is `ID`")
			fs.StringVar(&f.filter.Actor, "actor", "", "list events whose attribute actor is `NAME`")
			fs.Var(selection.Instant{Into: &f.filter.From}, "from", "list events logged at this `TIME` or later")
			fs.Var(selection.Instant{Into: &f.filter.To}, "to",
				"list events logged before this `TIME` (default: the end of the log)")
			fs.StringVar(&f.filter.Type, "type", "", "list events of this `TYPE` only")
			fs.StringVar(&f.filter.Prefix, "entity-prefix", "", "list events of entities whose id begins with `TEXT` only")
			fs.StringVar(&f.filter.Prefix, "prefix", "", "the same as --entity-prefix")
			fs.StringVar(&f.after, "after", "", "go on after a `PLACE` that an interrupted audit has named")
			return func(ctx context.Context, _ string) error { return f.run(ctx) }
		},
	}
}

func (f *auditFlags) run(ctx context.Context) error {
	switch {
	case (f.filter.Correlation == "") == (f.filter.Actor == ""):
		return command.Misuse("give one of --correlation and --actor")
	case f.filter.From == "":
		return command.Misuse("--from must be a time such as 2026-03-01T09:30:00Z")
	}
	meter := progress.New(f.App.Stderr, f.App.Now)
	defer meter.Done()
	c, err := f.Client(command.LongPatience, meter)
	if err != nil {
		return err
	}
	titles := []any{"LOGGED", "ENTITY", "TYPE", "ACTOR", "CORRELATION", "CAUSATION", "POSITION"}
	found, read := int64(0), int64(0)
	for {
		page, err := c.Audit(ctx, f.filter, f.after, auditPage)
		if err != nil {
			return f.interrupted(err)
		}
		if len(page.Events) > 0 {
			meter.Done()
			if err := command.PrintPage(f.ClientFlags, titles, page.Events, auditCells); err != nil {
				return f.interrupted(err)
			}
			titles = nil
		}
		found, read, f.after = found+int64(len(page.Events)), read+page.Read, page.Next
		if page.Next == "" {
			return nil
		}
		meter.Show(progress.State{Label: "auditing", Fraction: float64(page.Done) / float64(max(page.Lanes, 1)),
			Detail: fmt.Sprintf("%s of %s events", progress.Count(found), progress.Count(read))})
	}
}

// interrupted says how to go on after the pages that were printed.
func (f *auditFlags) interrupted(err error) error {
	if f.after == "" {
		return err
	}
	return command.Hint(err, "the same command with --after %s goes on after what was printed", f.after)
}

func auditCells(e past.Audited) []any {
	return []any{logged(e.Logged), e.Entity, e.Type, command.OrDash(e.Actor), command.OrDash(e.Correlation),
		command.OrDash(e.Causation), e.Position}
}
