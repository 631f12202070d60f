package outgoing

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"reprise/pkg/api/outgoing"
	"reprise/pkg/cli/command"
	"reprise/pkg/effects"
	"reprise/pkg/event"
)

// Commands are the commands of this package.
func Commands() []command.Command {
	return []command.Command{listCommand(), waitingCommand(), resumeCommand(), showCommand(), approveCommand()}
}

const listHelp = `
Lists what the business logic has called for an entity's events, in their order: the
external system, what became of it, and what was sent and answered. With --json it
prints one line each. The look-up is logged.

Examples:
  reprise effects list account-42
  reprise effects list account-42 --json | jq 'select(.status != "done")'
`

func listCommand() command.Command {
	return command.Command{
		Name:    "effects list",
		Arg:     "ENTITY",
		Summary: "list what was sent to external systems for an entity",
		Help:    listHelp,
		Check:   command.CheckEntity,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			return func(ctx context.Context, entity string) error { return list(ctx, f, entity) }
		},
	}
}

func list(ctx context.Context, f *command.ClientFlags, entity string) error {
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	titles := []any{"POSITION", "TYPE", "CALL", "STATUS", "ATTEMPTS", "SENT", "ANSWER"}
	return printPages(f, titles, func(after string) ([]effects.Record, string, error) {
		page, err := c.Calls(ctx, entity, after)
		return page.Calls, page.Next, err
	}, func(r effects.Record) []any {
		return []any{r.Position, r.Type, callText(r.System, r.Name, r.Part), statusText(&r), r.Attempts,
			short(string(r.Body)), short(string(r.Answer))}
	})
}

// printPages prints each page of a list as it comes, so that memory does not grow with it.
func printPages[T any](
	f *command.ClientFlags, titles []any, read func(after string) (page []T, next string, err error), cells func(T) []any,
) error {
	for after := ""; ; titles = nil {
		page, next, err := read(after)
		if err != nil {
			return err
		}
		if err := command.PrintPage(f, titles, page, cells); err != nil || next == "" {
			return err
		}
		after = next
	}
}

func callText(system, name, part string) string {
	if system == "" {
		return "-"
	}
	if part == "" {
		return system + "/" + name
	}
	return system + "/" + name + " " + part
}

func statusText(r *effects.Record) string {
	text := string(r.Status)
	if r.Code != 0 {
		text = fmt.Sprintf("%s (%d)", text, r.Code)
	}
	if r.Replay != "" {
		text += ", for replay " + r.Replay
	}
	return text
}

// short keeps a body within a table's cell.
func short(text string) string {
	if text == "" {
		return "-"
	}
	return event.Excerpt(text, 60)
}

const waitingHelp = `
Lists the entities whose effects wait because a call, or the business logic itself,
failed, with the reason and when it is tried again. Their later effects wait behind;
the log, the Data Store and other entities do not. Entities that are parked wait for
a person: reprise effects resume. With --json it prints one line each.

Examples:
  reprise effects waiting
  reprise effects waiting --json | jq 'select(.parked)'
`

func waitingCommand() command.Command {
	return command.Command{
		Name:    "effects waiting",
		Summary: "list the entities whose effects wait or are parked",
		Help:    waitingHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			return func(ctx context.Context, _ string) error { return waiting(ctx, f) }
		},
	}
}

func waiting(ctx context.Context, f *command.ClientFlags) error {
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	titles := []any{"ENTITY", "EVENT", "TYPE", "CALL", "ATTEMPTS", "NEXT", "REASON"}
	return printPages(f, titles, func(after string) ([]effects.Held, string, error) {
		page, err := c.EffectsWaiting(ctx, after)
		return page.Waiting, page.Next, err
	}, heldCells)
}

func heldCells(h effects.Held) []any {
	next := command.When(&h.Due)
	switch {
	case h.Doubt:
		next = "in doubt"
	case h.Parked:
		next = "parked"
	}
	return []any{h.Entity, h.Position, h.Type, command.OrDash(h.Call), h.Attempts, next, h.Reason}
}

const resumeHelp = `
Lets an entity whose effects wait, or are parked, go on at once. What was called
before is not called again.

If it is unknown whether a call happened that may not be repeated, look into the
external system and say which: --happened or --not-happened. --give-up passes over
the event: what was not called yet for it is never called.

Examples:
  reprise effects resume account-42 --reason "the bank answers again"
  reprise effects resume account-42 --happened --reason "found in the bank's books"
  reprise effects resume account-42 --give-up --reason "agreed with the customer"
`

type resumeFlags struct {
	*command.ClientFlags
	request            outgoing.ResumeRequest
	happened, happenNo bool
}

func resumeCommand() command.Command {
	return command.Command{
		Name:    "effects resume",
		Arg:     "ENTITY",
		Flags:   "--reason TEXT",
		Summary: "let an entity's effects go on",
		Help:    resumeHelp,
		Check:   command.CheckEntity,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &resumeFlags{ClientFlags: a.ClientFlags(fs)}
			fs.BoolVar(&f.happened, "happened", false, "the call in doubt happened")
			fs.BoolVar(&f.happenNo, "not-happened", false, "the call in doubt did not happen: it is made")
			fs.BoolVar(&f.request.GiveUp, "give-up", false, "pass over the event's effects")
			fs.StringVar(&f.request.Reason, "reason", "", "why, a `TEXT` that is logged")
			fs.StringVar(&f.request.Who, "who", "", "your `NAME`, where the platform does not know it")
			return f.run
		},
	}
}

func (f *resumeFlags) run(ctx context.Context, entity string) error {
	switch {
	case f.request.Reason == "":
		return command.Misuse("--reason must say why")
	case f.happened && f.happenNo, f.request.GiveUp && (f.happened || f.happenNo):
		return command.Misuse("give at most one of --happened, --not-happened and --give-up")
	case f.happened || f.happenNo:
		f.request.Happened = &f.happened
	}
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	resumed, err := c.ResumeEffects(ctx, entity, f.request)
	if err != nil {
		return err
	}
	if f.JSON {
		return command.PrintJSON(f.App.Stdout, resumed)
	}
	_, err = fmt.Fprintf(f.App.Stdout, "the effects of %s go on from the event at %s\n", entity, resumed.Was.Position)
	return err
}

var errFailed = errors.New("some of the approved effects could not be carried out")
