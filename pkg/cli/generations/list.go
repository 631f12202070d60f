package generations

import (
	"context"
	"flag"
	"fmt"
	"io"

	"reprise/pkg/api"
	"reprise/pkg/api/web"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/datastore"
)

const listHelp = `
Lists the generations of the Data Store, the oldest first: the version of the
projections that each belongs to, the replay that built it, how many events of the log
were taken in, how far it is behind, and how it was last verified.

Examples:
  reprise generation list
  reprise generation list --json | jq -r 'select(.status == "following").id'
`

const showHelp = `
Shows a generation: what it was built from, what it holds, and whether it is in step
with the log.

Examples:
  reprise generation show g0002
`

// Commands returns the commands of reprise generation, in the order in which help lists
// them.
func Commands() []command.Command {
	return []command.Command{
		listCommand(), showCommand(), diffCommand(), promoteCommand(), rollbackCommand(), dropCommand(),
	}
}

// checkID refuses what can be the id of no generation.
func checkID(id string) error {
	if datastore.CheckID(id) != nil {
		return command.Misuse("%q is not the id of a generation, such as g0002", id)
	}
	return nil
}

// asking sets up a command that asks a platform something.
func asking(a *command.App, fs *flag.FlagSet, ask func(ctx context.Context, q question) error) command.Exec {
	f := a.ClientFlags(fs)
	return func(ctx context.Context, id string) error {
		c, err := f.Client(command.ShortPatience, nil)
		if err != nil {
			return err
		}
		return ask(ctx, question{f, c, id})
	}
}

// question is what a command asks of which platform; id may be "".
type question struct {
	*command.ClientFlags
	client *client.Client
	id     string
}

func listCommand() command.Command {
	return command.Command{
		Name:    "generation list",
		Summary: "list the generations of the Data Store",
		Help:    listHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			return asking(a, fs, func(ctx context.Context, q question) error { return q.list(ctx) })
		},
	}
}

func (q question) list(ctx context.Context) error {
	all, err := q.client.Generations(ctx)
	if err != nil {
		return err
	}
	if q.JSON {
		for _, g := range all.Generations {
			if err := command.PrintJSON(q.App.Stdout, g); err != nil {
				return err
			}
		}
		return nil
	}
	return command.Table(q.App.Stdout, func(w io.Writer) {
		command.Row(w, "ID", "STATE", "PROJECTIONS", "BUILT BY", "EVENTS", "BEHIND", "PARKED", "SIZE", "ACTIVE SINCE",
			"VERIFIED")
		for i := range all.Generations {
			g := &all.Generations[i]
			d := detail(g)
			command.Row(w, g.ID, state(&all, g), g.Version, builder(g), count(d.Events), count(d.Behind), parked(&d),
				size(&d), command.When(g.Activated), verified(&d))
		}
	})
}

func showCommand() command.Command {
	return command.Command{
		Name:    "generation show",
		Arg:     "ID",
		Summary: "show a generation of the Data Store",
		Help:    showHelp,
		Check:   checkID,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			return asking(a, fs, func(ctx context.Context, q question) error { return q.show(ctx) })
		},
	}
}

func (q question) show(ctx context.Context) error {
	all, g, err := q.find(ctx)
	if err != nil {
		return err
	}
	if q.JSON {
		return command.PrintJSON(q.App.Stdout, g)
	}
	d := detail(g)
	return command.Table(q.App.Stdout, func(w io.Writer) {
		command.Row(w, "generation", g.ID)
		command.Row(w, "state", state(&all, g))
		command.Row(w, "projections", g.Version)
		command.Row(w, "built by", builder(g))
		command.Row(w, "events", count(d.Events))
		command.Row(w, "behind", count(d.Behind))
		command.Row(w, "parked", parked(&d)+" entities")
		command.Row(w, "size", size(&d))
		command.Row(w, "created", command.When(&g.Created))
		command.Row(w, "active since", command.When(g.Activated))
		command.Row(w, "verified", verified(&d))
		if g.Loss != nil {
			command.Row(w, "lost", fmt.Sprintf("%s, lane %d: %s", command.When(&g.Loss.At), g.Loss.Lane, g.Loss.Why))
		}
		if d.KeptUntil != nil {
			command.Row(w, "kept until", command.When(d.KeptUntil))
		}
	})
}

// find returns the generation that was asked for, among all.
func (q question) find(ctx context.Context) (api.GenerationsView, *api.GenerationView, error) {
	all, err := q.client.Generations(ctx)
	if err != nil {
		return all, nil, err
	}
	for i := range all.Generations {
		if g := &all.Generations[i]; g.ID == q.id {
			return all, g, nil
		}
	}
	return all, nil, web.NewProblem(404, "generation-not-found", "there is no generation "+q.id)
}

func detail(g *api.GenerationView) api.GenerationDetail {
	if g.Detail == nil {
		return api.GenerationDetail{}
	}
	return *g.Detail
}

// state says what a generation is for.
func state(all *api.GenerationsView, g *api.GenerationView) string {
	switch {
	case g.Lost:
		return "lost"
	case g.ID == all.Active:
		return string(datastore.Active)
	case g.ID == all.Previous:
		return "following, active before"
	case g.Verification != "":
		return string(g.Status) + ", throwaway of " + g.Verification
	case g.Withdrawn == datastore.WithdrawnFailed:
		return string(g.Status) + ", its replay failed"
	case g.Withdrawn != "":
		return string(g.Status) + ", its replay was cancelled"
	}
	return string(g.Status)
}

func builder(g *api.GenerationView) string {
	if g.Replay == "" {
		return "the live path"
	}
	return g.Replay
}

func count(n *int64) string {
	if n == nil {
		return "-"
	}
	return progress.Count(*n)
}

func parked(d *api.GenerationDetail) string {
	if d.Parked.Complete {
		return progress.Count(d.Parked.Count)
	}
	return progress.Count(d.Parked.Count) + "+"
}

// size is what a generation takes. Stores measure that late: a new generation takes
// nothing yet.
func size(d *api.GenerationDetail) string {
	if d.Bytes == nil || *d.Bytes == 0 {
		return "-"
	}
	return progress.Bytes(*d.Bytes)
}

func verified(d *api.GenerationDetail) string {
	if d.Verified == nil {
		return "never"
	}
	return fmt.Sprintf("%s %s by %s", d.Verified.Status, command.When(&d.Verified.At), d.Verified.Verification)
}
