package entity

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"reprise/pkg/api/reversals"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/event"
)

const reverseHelp = `
Reverses an event of an entity. Nothing is edited: an event of the same type with
.reversed behind it is appended to the log, which names the event, who reverses it
and why. If the projection says what undoes the event, or the event carries it, that
is applied; otherwise the entity is folded again without the event, live and in every
rebuild. Reversing that reversal brings the event back.

With --dry-run it prints the state before and after and what differs, and appends
nothing. What would have no effect, or would park the entity, is refused, and says
why: the event is reversed already, was never applied, or a later event depends on it.

The event is named by its position, or by its source and id; reprise events ENTITY
prints both. Exits with 0 if it is reversed (with --dry-run: if it can be), and 1 if
not; with --wait also with 1 if the entity is parked afterwards.

Examples:
  reprise reverse account-42 --source bank --id 17 --reason "wrong account" --dry-run
  reprise reverse account-42 --event 0001-0212-0000 --reason "wrong account" --wait
`

type reverseFlags struct {
	*command.ClientFlags
	event   string
	request reversals.Request
	wait    bool
	timeout time.Duration
}

func reverseCommand() command.Command {
	return command.Command{
		Name:    "reverse",
		Arg:     "ENTITY",
		Flags:   "--event POSITION --reason TEXT",
		Summary: "reverse an event of an entity",
		Help:    reverseHelp,
		Check:   command.CheckEntity,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &reverseFlags{ClientFlags: a.ClientFlags(fs)}
			fs.StringVar(&f.event, "event", "", "the event's `POSITION`, as reprise events shows it")
			fs.StringVar(&f.request.Source, "source", "", "the event's `SOURCE`, with --id in place of --event")
			fs.StringVar(&f.request.ID, "id", "", "the event's `ID`")
			fs.StringVar(&f.request.Reason, "reason", "", "why, a `TEXT` that the log keeps")
			fs.StringVar(&f.request.Who, "who", "", "your `NAME`, which the log keeps")
			fs.BoolVar(&f.request.DryRun, "dry-run", false, "print what would follow, and append nothing")
			fs.BoolVar(&f.wait, "wait", false, "wait until it is applied, and show the entity")
			fs.DurationVar(&f.timeout, "timeout", time.Minute, "how long --wait waits, a `TIME` such as 90s")
			return f.run
		},
	}
}

var errParkedAfter = errors.New("the entity is parked after the reversal")

func (f *reverseFlags) run(ctx context.Context, entity string) error {
	if err := f.check(); err != nil {
		return err
	}
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	made, err := c.Reverse(ctx, entity, f.request)
	if err != nil {
		return err
	}
	if !f.wait || made.DryRun {
		return f.print(&made)
	}
	_, _ = fmt.Fprintf(f.App.Stderr, "the reversal is at %s of lane %d\n", made.Position, made.Lane)
	if err := await(ctx, f.App, c, made.Lane, made.Position, f.timeout); err != nil {
		return err
	}
	view, err := c.Entity(ctx, entity)
	if err == nil {
		err = printEntity(f.ClientFlags, view)
	}
	if err == nil && view.Parked != nil {
		err = command.Hint(errParkedAfter, "an event that arrived in between does not allow it: step over the event with "+
			"reprise parked skip, or reverse the reversal")
	}
	return err
}

func (f *reverseFlags) check() error {
	byName := f.request.Source != "" || f.request.ID != ""
	switch {
	case (f.event != "") == byName:
		return command.Misuse("name the event either by --event, or by --source and --id")
	case byName && (f.request.Source == "" || f.request.ID == ""):
		return command.Misuse("--source and --id name an event only together")
	case f.request.Reason == "" || len(f.request.Reason) > event.MaxReasonBytes:
		return command.Misuse("--reason must have 1 to %d bytes", event.MaxReasonBytes)
	case f.timeout <= 0:
		return command.Misuse("--timeout must be more than 0")
	}
	if f.request.Event = event.Position(f.event); f.event != "" {
		if _, err := event.ParsePosition(f.event); err != nil {
			return command.Misuse("--event must be a position, as reprise events shows it")
		}
	}
	return nil
}

func (f *reverseFlags) print(made *reversals.Reversing) error {
	if f.JSON {
		return command.PrintJSON(f.App.Stdout, made)
	}
	err := command.Table(f.App.Stdout, func(w io.Writer) {
		command.Row(w, "entity", made.Entity)
		command.Row(w, "event", fmt.Sprintf("%s at %s, id %s of %s", made.Event.Type, made.Event.Position, made.Event.ID,
			made.Event.Source))
		command.Row(w, "reversed by", formText(made))
		if made.DryRun {
			command.Row(w, "appended", "nothing: this is a dry run")
		} else {
			command.Row(w, "appended", fmt.Sprintf("%s at %s of lane %d", made.Type, made.Position, made.Lane))
		}
		sideRows(w, "before", &made.Before)
		sideRows(w, "after", &made.After)
		command.Row(w, "folded by", made.Version)
		command.Row(w, "differing", fields(made.Changed))
		effectRows(w, made.Effects)
	})
	if err != nil {
		return err
	}
	return changeTable(f.App.Stdout, made.Changes, made.Changed)
}

// effectRows tell what was sent for the event, and what follows.
func effectRows(w io.Writer, e *reversals.Effects) {
	if e == nil {
		return
	}
	for _, call := range e.Sent {
		command.Row(w, "sent, and stays", fmt.Sprintf("%s/%s %s %s", call.System, call.Name, call.Part, call.Body))
	}
	for _, call := range e.Wanted {
		command.Row(w, "is sent", fmt.Sprintf("%s/%s %s %s", call.System, call.Name, call.Part, call.Body))
	}
	if e.Unknown != "" {
		command.Row(w, "may be sent", "not known before: "+e.Unknown)
	}
}

func formText(made *reversals.Reversing) string {
	switch {
	case made.Inverse == nil:
		return "folding the entity again without it"
	case made.SameAsWithout:
		return fmt.Sprintf("%s %s, which leads to the state without the event", made.Inverse.Type, made.Inverse.Data)
	}
	return fmt.Sprintf("%s %s, which leads to another state than without the event", made.Inverse.Type, made.Inverse.Data)
}

func sideRows(w io.Writer, name string, s *reversals.Side) {
	command.Row(w, name, fmt.Sprintf("%s, %s events applied", command.OrDash(string(s.State)), progress.Count(s.Count)))
	if s.Parked != nil {
		command.Row(w, "", fmt.Sprintf("parked at %s by %s: %s", s.Parked.Position, s.Parked.Type, s.Parked.Reason))
	}
}
