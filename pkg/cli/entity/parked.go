package entity

import (
	"context"
	"flag"
	"fmt"
	"io"

	"reprise/pkg/api/entities"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
)

const parkedHelp = `
Lists the parked entities of a generation, the active one by default: entities
with an event that could not be applied, why not, and how many later events wait
for it. With --json it prints one line each.

There are two ways out: correct the projection and rebuild, so that it can apply
the event; or step over the event with reprise parked skip.

Examples:
  reprise parked list
  reprise parked list --reason "more was sold" --json | jq -r .entity
`

type parkedFlags struct {
	*command.ClientFlags
	generation, reason string
}

func parkedCommand() command.Command {
	return command.Command{
		Name:    "parked list",
		Summary: "list the entities with an event that cannot be applied",
		Help:    parkedHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &parkedFlags{ClientFlags: a.ClientFlags(fs)}
			fs.StringVar(&f.generation, "generation", "", "`ID` of the generation (default: the active one)")
			fs.StringVar(&f.reason, "reason", "", "list only entities whose reason contains `TEXT`")
			return func(ctx context.Context, _ string) error { return f.run(ctx) }
		},
	}
}

// run prints each page as it comes, so that memory does not grow with the list.
func (f *parkedFlags) run(ctx context.Context) error {
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	titles := []any{"ENTITY", "EVENT", "TYPE", "WAITING", "REASON"}
	return c.EachParked(ctx, f.generation, f.reason, func(page []entities.ParkedEntity) error {
		err := command.PrintPage(f.ClientFlags, titles, page, func(e entities.ParkedEntity) []any {
			return []any{e.Entity, e.Position, e.Type, progress.Count(e.Waiting), e.Reason}
		})
		titles = nil
		return err
	})
}

// WarnParked says how many entities are parked, and what follows.
func WarnParked(w io.Writer, parked int64, follows string) {
	if parked > 0 {
		_, _ = fmt.Fprintf(w, "warning: %s entities are parked: %s; reprise parked list shows them and why\n",
			progress.Count(parked), follows)
	}
}
