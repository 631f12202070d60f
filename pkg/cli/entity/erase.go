package entity

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"reprise/pkg/api/erasures"
	"reprise/pkg/cli/command"
	"reprise/pkg/personal"
	"reprise/pkg/personal/sealed"
)

const eraseHelp = `
Erases the personal fields of a data subject: destroys the only key with which they can
be read, in the log, in states, in exports and in copies of them. It cannot be undone.

SUBJECT is the id of the data subject: the entity's, unless the declaration of personal
fields names another. Nothing else is changed or rebuilt: replays, verifications, forks and
looks into the past go on, and show the fields as erased. Other processes of a deployment
stop showing them within a minute.

Data that is sent for the same subject afterwards is sealed with a new key, and shown.
Sending old events again does not bring them back into any state, but their fields are
readable in the history then: erase again.

Examples:
  reprise erase customer-42 --dry-run
  reprise erase customer-42 --reason "request 2026-117" --yes
`

type eraseFlags struct {
	*command.ClientFlags
	reason, who string
	dryRun, yes bool
}

// EraseCommand returns the command that erases a data subject.
func EraseCommand() command.Command {
	return command.Command{
		Name:    "erase",
		Arg:     "SUBJECT",
		Flags:   "--reason TEXT",
		Summary: "make the personal fields of a data subject unreadable, for ever",
		Help:    eraseHelp,
		Check:   checkSubject,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &eraseFlags{ClientFlags: a.ClientFlags(fs)}
			fs.StringVar(&f.reason, "reason", "", "why, a `TEXT` that the platform keeps: best the number of the request")
			fs.StringVar(&f.who, "who", "", "your `NAME`, which the platform keeps; on AWS it is that of your credentials")
			fs.BoolVar(&f.dryRun, "dry-run", false, "say what there is to erase, and change nothing")
			fs.BoolVar(&f.yes, "yes", false, "do not ask")
			return f.run
		},
	}
}

func checkSubject(subject string) error {
	if subject == "" || len(subject) > sealed.MaxSubjectBytes {
		return command.Misuse("the id of a data subject has 1 to %d bytes", sealed.MaxSubjectBytes)
	}
	return nil
}

var errEraseDeclined = errors.New("nothing was erased")

func (f *eraseFlags) run(ctx context.Context, subject string) error {
	switch {
	case !f.dryRun && (f.reason == "" || len(f.reason) > personal.MaxReasonBytes):
		return command.Misuse("--reason must have 1 to %d bytes", personal.MaxReasonBytes)
	case len(f.who) > personal.MaxWhoBytes:
		return command.Misuse("--who must have at most %d bytes", personal.MaxWhoBytes)
	}
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	view, err := c.Erase(ctx, erasures.Request{Subject: subject, DryRun: true})
	if err != nil {
		return err
	}
	if f.dryRun {
		return f.print(view)
	}
	if view.Readable && !f.yes {
		_, _ = fmt.Fprintf(f.App.Stderr, "This destroys key %d of %s, for ever. Type yes to go on: ", view.Generation,
			view.Ref)
		if err := f.App.Approved("erasing a data subject", errEraseDeclined); err != nil {
			return err
		}
	}
	view, err = c.Erase(ctx, erasures.Request{Subject: subject, Reason: f.reason, Who: f.who})
	if err != nil {
		return err
	}
	return f.print(view)
}

func (f *eraseFlags) print(v erasures.View) error {
	if f.JSON {
		return command.PrintJSON(f.App.Stdout, v)
	}
	state := "has no key any more: it is erased"
	switch {
	case v.Erased:
		state = fmt.Sprintf("is erased: key %d is destroyed; other processes show it as erased within %d s", v.Generation,
			v.EffectiveWithin)
	case v.Readable:
		state = fmt.Sprintf("has key %d: its personal fields can be read", v.Generation)
	}
	if err := command.Say(f.App.Stdout, "data subject %s %s", v.Ref, state); err != nil {
		return err
	}
	for _, e := range v.Erasures {
		who := e.Who
		if who == "" {
			who = "somebody"
		}
		if err := command.Say(f.App.Stdout, "  key %d was destroyed at %s by %s: %s", e.Generation,
			e.At.UTC().Format(time.RFC3339), who, e.Reason); err != nil {
			return err
		}
	}
	return nil
}
