package cli

import (
	"context"
	"flag"

	"reprise/pkg/api"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
)

const parkedListHelp = `
Lists the parked entities of a generation, the active one by default: entities
with an event that could not be applied, why not, and how many later events wait
for it. With --json it prints one line each.

There are two ways out: correct the projection and rebuild, so that it can apply
the event; or step over the event with reprise parked skip.

Examples:
  reprise parked list
  reprise parked list --reason "more was sold" --json | jq -r .entity
`

type parkedListFlags struct {
	*command.ClientFlags
	generation, reason string
}

func parkedListCommand() command.Command {
	return command.Command{
		Name:    "parked list",
		Summary: "list the entities with an event that cannot be applied",
		Help:    parkedListHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &parkedListFlags{ClientFlags: a.ClientFlags(fs)}
			fs.StringVar(&f.generation, "generation", "", "`ID` of the generation (default: the active one)")
			fs.StringVar(&f.reason, "reason", "", "list only entities whose reason contains `TEXT`")
			return func(ctx context.Context, _ string) error { return f.run(ctx) }
		},
	}
}

// run prints each page as it comes, so that memory does not grow with the list.
func (f *parkedListFlags) run(ctx context.Context) error {
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	titles := []any{"ENTITY", "EVENT", "TYPE", "WAITING", "REASON"}
	return eachParked(ctx, c, f.generation, f.reason, func(page []api.ParkedEntity) error {
		err := printPage(f.ClientFlags, titles, page, func(e api.ParkedEntity) []any {
			return []any{e.Entity, e.Position, e.Type, progress.Count(e.Waiting), e.Reason}
		})
		titles = nil
		return err
	})
}

// eachParked calls visit for every page of a generation's parked entities. The
// generation is fixed by the first page.
func eachParked(
	ctx context.Context, c *client.Client, generation, reason string, visit func([]api.ParkedEntity) error,
) error {
	for after := ""; ; {
		page, err := c.Parked(ctx, generation, reason, after)
		if err != nil {
			return err
		}
		if err := visit(page.Parked); err != nil {
			return err
		}
		if generation, after = page.Generation, page.Next; after == "" {
			return nil
		}
	}
}
