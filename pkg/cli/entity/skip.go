package entity

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"reprise/pkg/api/entities"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/event"
)

const skipHelp = `
Steps over the event at which an entity is parked, and applies the events that
waited for it; the first of them that cannot be applied parks the entity again.

Nothing is edited: a correction is appended to the log, which every rebuild
honours, too. A rebuild with a projection that can apply the event applies it.

Examples:
  reprise parked list
  reprise parked skip account-42 --event 0001-0212-0000 --reason "sent by a test" --wait
`

type skipFlags struct {
	*command.ClientFlags
	event, reason, who string
	wait               bool
	timeout            time.Duration
}

func skipCommand() command.Command {
	return command.Command{
		Name:    "parked skip",
		Arg:     "ENTITY",
		Flags:   "--event POSITION --reason TEXT",
		Summary: "step over the event at which an entity is parked",
		Help:    skipHelp,
		Check:   command.CheckEntity,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &skipFlags{ClientFlags: a.ClientFlags(fs)}
			fs.StringVar(&f.event, "event", "", "the event's `POSITION`, as reprise parked list shows it")
			fs.StringVar(&f.reason, "reason", "", "why, a `TEXT` that the log keeps")
			fs.StringVar(&f.who, "who", "", "your `NAME`, which the log keeps")
			fs.BoolVar(&f.wait, "wait", false, "wait until it is applied, and show the entity")
			fs.DurationVar(&f.timeout, "timeout", time.Minute, "how long --wait waits, a `TIME` such as 90s")
			return f.run
		},
	}
}

func (f *skipFlags) run(ctx context.Context, entity string) error {
	_, err := event.ParsePosition(f.event)
	switch {
	case err != nil:
		return command.Misuse("--event must be a position, as reprise parked list shows it")
	case f.reason == "" || len(f.reason) > event.MaxReasonBytes:
		return command.Misuse("--reason must have 1 to %d bytes", event.MaxReasonBytes)
	case f.timeout <= 0:
		return command.Misuse("--timeout must be more than 0")
	}
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	made, err := c.Skip(ctx, entity, entities.SkipRequest{Event: event.Position(f.event), Reason: f.reason, Who: f.who})
	if err != nil {
		return err
	}
	if !f.wait {
		return command.PrintJSON(f.App.Stdout, made)
	}
	_, _ = fmt.Fprintf(f.App.Stderr, "the correction is at %s of lane %d\n", made.Position, made.Lane)
	if err := await(ctx, f.App, c, made.Lane, made.Position, f.timeout); err != nil {
		return err
	}
	view, err := c.Entity(ctx, entity)
	if err != nil {
		return err
	}
	return printEntity(f.ClientFlags, view)
}

// pollLanes is how often --wait looks.
const pollLanes = 100 * time.Millisecond

var errNotApplied = errors.New("timed out before the correction was applied")

// await waits until the active generation has applied the correction at a position.
func await(ctx context.Context, a *command.App, c *client.Client, lane event.Lane, at event.Position,
	timeout time.Duration,
) error {
	for start := a.Now(); ; {
		view, err := c.Lanes(ctx)
		if err != nil {
			return fmt.Errorf("wait until the correction is applied: %w", err)
		}
		for _, l := range view.Lanes {
			if l.Lane == lane && l.Applied >= at {
				return nil
			}
		}
		if a.Now().Sub(start) >= timeout {
			return command.Hint(errNotApplied, "it is accepted and safe; reprise status shows what lags")
		}
		if err := a.Sleep(ctx, pollLanes); err != nil {
			return err
		}
	}
}
