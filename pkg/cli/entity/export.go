package entity

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"

	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

const exportHelp = `
Prints a JSON line for each entity of a generation, the active one by default:
{"entity","state","count","position"}, and "parked" if an event of the entity
could not be applied: the state is then that before the event. The lines are
sorted by the bytes of the entity's id, where '#' and '%' stand as %23 and %25,
as keys carry them.

Two generations that fold the same events give the same lines, byte for byte.
Events that are applied meanwhile may or may not be in it.

Examples:
  reprise state export > state.jsonl
  reprise state export --generation g0002 | diff state.jsonl -
`

type exportFlags struct {
	*command.ClientFlags
	generation string
}

// ExportedRow is a line of an export.
type ExportedRow struct {
	Entity   string          `json:"entity"`
	State    json.RawMessage `json:"state"`
	Count    int64           `json:"count"`
	Position event.Position  `json:"position"`
	// Parked is set if an event could not be applied.
	Parked *datastore.Parked `json:"parked,omitempty"`
}

func exportCommand() command.Command {
	return command.Command{
		Name:    "state export",
		Summary: "print every entity's state, sorted",
		Help:    exportHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &exportFlags{ClientFlags: a.ClientFlags(fs)}
			fs.StringVar(&f.generation, "generation", "", "`ID` of the generation (default: the active one)")
			return func(ctx context.Context, _ string) error { return f.run(ctx) }
		},
	}
}

func (f *exportFlags) run(ctx context.Context) error {
	meter := progress.New(f.App.Stderr, f.App.Now)
	defer meter.Done()
	c, err := f.Client(command.LongPatience, meter)
	if err != nil {
		return err
	}
	m, err := OpenMerged(ctx, c, f.generation)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f.App.Stdout)
	encoder := command.NewEncoder(out)
	parked := int64(0)
	for count := int64(1); ; count++ {
		next, err := m.Next(ctx)
		if err != nil {
			return err
		}
		if next == nil {
			meter.Done()
			WarnParked(f.App.Stderr, parked, "their states lack these events and later ones")
			return command.Flush(out)
		}
		if next.Parked != nil {
			parked++
		}
		if err := encoder.Encode(ExportedRow{next.Entity, next.State, next.Count, next.Position, next.Parked}); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
		if count%1000 == 0 {
			meter.Show(progress.State{Label: "exporting", Fraction: -1, Detail: progress.Count(count) + " entities"})
		}
	}
}
