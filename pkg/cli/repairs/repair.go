package repairs

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/cli/selection"
	"reprise/pkg/event"
	"reprise/pkg/replay"
)

const repairHelp = `
Folds entities again from their first event on, with the present projections, in place
and beside live traffic: for a bug that has touched some entities, where a rebuild would
fold all. Readers see the row before or the row after, and nothing in between.

The entities are those with at least one event of a selection (--type, --from, --to,
--entity, --prefix, --attribute, as for reprise replay start), those that a verification
has found to differ (--verification), or those that differ in a generation of the same
version (--generation-diff). --dry-run lists them and changes nothing.

For each entity a correction is appended to the log. Sending it again under the same
--request changes nothing, so an interrupted repair goes on with the same command. An
entity with more than 20,000 events is left out, and named: rebuild the generation then.

If the events would now lead to another state under the same version of the projections,
the rows that are not folded again keep the old one: verify with reprise verify start
--full afterwards, which finds what the selection has missed.

Examples:
  reprise repair --type account.interest --from 2026-03-01 --dry-run
  reprise repair --type account.interest --from 2026-03-01 --reason "counted twice" --wait
  reprise repair --verification nightly-20260301-0300 --reason "row was changed by hand"
`

// Command returns the command.
func Command() command.Command {
	return command.Command{
		Name:    "repair",
		Summary: "fold the entities again that a bug has touched",
		Help:    repairHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			r := &repair{ClientFlags: a.ClientFlags(fs)}
			selection.Flags(fs, &r.selection, "to look for")
			fs.StringVar(&r.verification, "verification", "", "`ID` of a verification that has found drift")
			fs.StringVar(&r.generation, "generation-diff", "", "`ID` of a generation to compare the active one with")
			fs.StringVar(&r.request, "request", "", "`NAME` of the repair, to go on with an earlier one (default: chosen)")
			fs.StringVar(&r.reason, "reason", "", "why, a `TEXT` that the log keeps")
			fs.StringVar(&r.who, "who", "", "your `NAME`, which the log keeps")
			fs.BoolVar(&r.dryRun, "dry-run", false, "list the entities and change nothing")
			fs.BoolVar(&r.yes, "yes", false, "do not ask")
			fs.BoolVar(&r.wait, "wait", false, "wait until the active generation has folded them again")
			fs.DurationVar(&r.timeout, "timeout", 10*time.Minute, "how long --wait waits, a `TIME` such as 90s")
			return func(ctx context.Context, _ string) error { return r.run(ctx) }
		},
	}
}

// repair is one call of the command.
type repair struct {
	*command.ClientFlags
	selection                replay.Request
	verification, generation string
	request, reason, who     string
	dryRun, yes, wait        bool
	timeout                  time.Duration
}

// requestLayout is the time in the name of a request.
const requestLayout = "20060102-150405"

func (r *repair) check() error {
	sources := 0
	for _, given := range []bool{r.selects(), r.verification != "", r.generation != ""} {
		if given {
			sources++
		}
	}
	switch {
	case sources == 0:
		return command.Misuse("say which entities: with --type, --from, --to, --entity, --prefix or --attribute, " +
			"--verification or --generation-diff; for all of them, rebuild the generation")
	case sources > 1:
		return command.Misuse("give one of a selection of events, --verification and --generation-diff")
	case r.timeout <= 0:
		return command.Misuse("--timeout must be more than 0")
	case r.dryRun:
		return nil
	case r.reason == "" || len(r.reason) > event.MaxReasonBytes:
		return command.Misuse("--reason must have 1 to %d bytes", event.MaxReasonBytes)
	case len(r.request) > event.MaxRequestBytes:
		return command.Misuse("--request must have at most %d bytes", event.MaxRequestBytes)
	case len(r.who) > event.MaxWhoBytes:
		return command.Misuse("--who must have at most %d bytes", event.MaxWhoBytes)
	}
	return nil
}

// selects reports whether events are selected.
func (r *repair) selects() bool {
	s := &r.selection
	return s.From != nil || s.To != nil || len(s.Types)+len(s.Entities)+len(s.Prefixes) > 0 || s.Attribute != nil
}

func (r *repair) run(ctx context.Context) error {
	if err := r.check(); err != nil {
		return err
	}
	meter := progress.New(r.App.Stderr, r.App.Now)
	defer meter.Done()
	c, err := r.Client(command.LongPatience, meter)
	if err != nil {
		return err
	}
	found, err := r.find(ctx, c, meter)
	meter.Done()
	if err != nil {
		return err
	}
	if r.dryRun {
		return r.list(found)
	}
	if len(found.Entities) == 0 {
		return fmt.Errorf("%w: no entity is touched", command.ErrNothing)
	}
	if r.request == "" {
		r.request = r.chosen()
	}
	if err := r.approved(meter, found); err != nil {
		return err
	}
	return r.send(ctx, c, meter, found)
}

// chosen is a name for the request that no other has.
func (r *repair) chosen() string {
	var random [4]byte
	_, _ = io.ReadFull(r.App.Random, random[:]) // the time alone is nearly always enough
	return fmt.Sprintf("repair-%s-%x", r.App.Now().UTC().Format(requestLayout), random)
}

// list prints the entities.
func (r *repair) list(found Found) error {
	if r.JSON {
		return command.PrintJSON(r.App.Stdout, found)
	}
	for _, entity := range found.Entities {
		if err := command.Say(r.App.Stdout, "%s", entity); err != nil {
			return err
		}
	}
	_, _ = fmt.Fprintf(r.App.Stderr, "%s; nothing was changed\n", found.text())
	return nil
}

var errDeclined = errors.New("nothing was repaired")

func (r *repair) approved(meter *progress.Meter, found Found) error {
	meter.Note("repair %s: %s", r.request, found.text())
	if r.yes {
		return nil
	}
	meter.Note("each of them is folded again from its first event on, in place; type yes to begin")
	return r.App.Approved("a repair", errDeclined)
}

// find finds the entities in one of three ways.
func (r *repair) find(ctx context.Context, c *client.Client, meter *progress.Meter) (Found, error) {
	switch {
	case r.verification != "":
		return ofVerification(ctx, c, r.verification)
	case r.generation != "":
		return ofDiff(ctx, c, r.generation)
	}
	return touched(ctx, c, meter, r.selection)
}
