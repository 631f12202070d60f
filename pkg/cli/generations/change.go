package generations

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"reprise/pkg/api/generations"
	"reprise/pkg/api/web"
	"reprise/pkg/cli/command"
)

const promoteHelp = `
Makes a generation the active one, which readers see. It has to follow the event
stream, as a rebuild does that succeeded without --promote, and lack nothing. The
consumer of the active generation is held for a moment, until the new one has
reached the end of the log: readers never see an earlier state than before. The
formerly active generation stays in step, and reprise generation rollback goes back
to it.

If a replay that was started with --promote=ask waits for this decision, the command
approves, and the replay makes its generation active.

A generation that parks entities which the active one does not is refused, unless
--accept-parked is given.

Examples:
  reprise generation promote g0002
  reprise generation promote g0002 --instead g0001
`

const rollbackHelp = `
Goes back to the generation that was active before. It was kept in step with the log,
so nothing is lost, and the generation that is left stays in step, too: promote it
again to go forward.

Examples:
  reprise generation rollback
`

const dropHelp = `
Takes a generation out of use for good: it gets no events any more, it can never become
active, and its table is removed within minutes. The log and the active generation stay
as they are.

Examples:
  reprise generation drop g0002 --yes
`

func promoteCommand() command.Command {
	return command.Command{
		Name:    "generation promote",
		Arg:     "ID",
		Summary: "make a generation the active one",
		Help:    promoteHelp,
		Check:   checkID,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			var body generations.Promote
			fs.StringVar(&body.Instead, "instead", "", "`ID` of the generation that has to be active (default: any)")
			acceptParked(fs, &body.AcceptParked)
			return asking(a, fs, func(ctx context.Context, q question) error { return q.promote(ctx, body) })
		},
	}
}

func acceptParked(fs *flag.FlagSet, into *bool) {
	fs.BoolVar(into, "accept-parked", false, "even if it parks entities that the active one does not")
}

func (q question) promote(ctx context.Context, body generations.Promote) error {
	promotion, err := q.client.PromoteGeneration(ctx, q.id, body)
	switch {
	case err != nil:
		return err
	case promotion.Replay == "":
		return q.say(promotion.Promoted)
	case q.JSON:
		return command.PrintJSON(q.App.Stdout, promotion.Approved)
	}
	return command.Say(q.App.Stdout, "approved: replay %s makes generation %s the active one; follow it with "+
		"reprise replay watch %s", promotion.Replay, promotion.Generation, promotion.Replay)
}

func isProblem(err error, kind string) bool {
	problem, ok := errors.AsType[*web.Problem](err)
	return ok && problem.Kind() == kind
}

func (q question) say(p generations.Promoted) error {
	if q.JSON {
		return command.PrintJSON(q.App.Stdout, p)
	}
	held := ""
	if p.HeldMillis > 0 {
		held = fmt.Sprintf("; its consumer was held for %.0f ms", p.HeldMillis)
	}
	return command.Say(q.App.Stdout, "generation %s is active instead of %s%s", p.Active, p.Previous, held)
}

func rollbackCommand() command.Command {
	return command.Command{
		Name:    "generation rollback",
		Summary: "go back to the generation that was active before",
		Help:    rollbackHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			var body generations.Rollback
			acceptParked(fs, &body.AcceptParked)
			return asking(a, fs, func(ctx context.Context, q question) error { return q.rollback(ctx, body) })
		},
	}
}

func (q question) rollback(ctx context.Context, body generations.Rollback) error {
	before, err := q.client.Generations(ctx)
	if err != nil {
		return err
	}
	promoted, err := q.client.RollbackGeneration(ctx, before.Active, body)
	if isProblem(err, "generation-not-active") {
		now, again := q.client.Generations(ctx)
		if again == nil && now.Active == before.Previous && now.Previous == before.Active {
			// The answer to an earlier attempt was lost.
			promoted, err = generations.Promoted{Active: now.Active, Previous: now.Previous}, nil
		}
	}
	if err != nil {
		return err
	}
	return q.say(promoted)
}

func dropCommand() command.Command {
	return command.Command{
		Name:    "generation drop",
		Arg:     "ID",
		Flags:   "--yes",
		Summary: "take a generation out of use for good",
		Help:    dropHelp,
		Check:   checkID,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			yes := fs.Bool("yes", false, "really do it")
			return asking(a, fs, func(ctx context.Context, q question) error {
				if !*yes {
					return command.Misuse("this removes generation %s for good: confirm with --yes", q.id)
				}
				return q.drop(ctx)
			})
		},
	}
}

func (q question) drop(ctx context.Context) error {
	dropped, err := q.client.DropGeneration(ctx, q.id)
	if err != nil {
		return err
	}
	if q.JSON {
		return command.PrintJSON(q.App.Stdout, dropped)
	}
	return command.Say(q.App.Stdout, "generation %s is dropped", dropped.Generation)
}
