package generations

import (
	"context"
	"flag"
	"fmt"
	"io"

	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/projection/rowdiff"
)

const diffHelp = `
Shows what would change for readers if a generation became the active one: it is
compared with the active one, or with another, entity by entity at the same events,
while both follow the event stream. Entities that differ are counted by how they
differ and by the field of the state that differs, with samples. It reads only.

Examples:
  reprise generation diff g0002
  reprise generation diff g0002 --entities 100000 --json | jq .fields
`

func diffCommand() command.Command {
	return command.Command{
		Name:    "generation diff",
		Arg:     "ID",
		Summary: "show what would change if a generation became active",
		Help:    diffHelp,
		Check:   checkID,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			with := fs.String("with", "", "`ID` of the generation to compare with (default: the active one)")
			entities := fs.Int("entities", 10_000, "about how many `ENTITIES` to look at, the first of each lane")
			return asking(a, fs, func(ctx context.Context, q question) error {
				if *entities < 1 {
					return command.Misuse("--entities must be at least 1")
				}
				report, err := q.client.DiffGeneration(ctx, q.id, *with, *entities)
				if err != nil {
					return err
				}
				if q.JSON {
					return command.PrintJSON(q.App.Stdout, report)
				}
				return PrintDiff(q.App.Stdout, &report)
			})
		},
	}
}

// PrintDiff prints what differs between two generations.
func PrintDiff(out io.Writer, r *rowdiff.Report) error {
	err := command.Table(out, func(w io.Writer) {
		command.Row(w, "old", r.Old+", "+r.OldVersion)
		command.Row(w, "new", r.New+", "+r.NewVersion)
		command.Row(w, "entities", DiffText(r))
		for _, kind := range []struct {
			of   rowdiff.Kind
			what string
		}{
			{rowdiff.OnlyOld, "only in the old one"},
			{rowdiff.OnlyNew, "only in the new one"},
			{rowdiff.State, "other state"},
			{rowdiff.Parked, "other parking"},
		} {
			if n := r.Kinds[kind.of]; n > 0 {
				command.Row(w, kind.what, progress.Count(n))
			}
		}
	})
	if err != nil || r.Differing == 0 {
		return err
	}
	return command.Table(out, func(w io.Writer) {
		if len(r.Fields) > 0 {
			command.Row(w, "\nFIELD", "ENTITIES")
		}
		for _, f := range r.Fields {
			command.Row(w, pathText(f.Path), progress.Count(f.Entities))
		}
		if r.OtherFields > 0 {
			command.Row(w, "others", progress.Count(r.OtherFields))
		}
		command.Row(w, "\nENTITY", "DIFFERS IN", "OLD", "NEW")
		for i := range r.Samples {
			sampleRows(w, &r.Samples[i])
		}
	})
}

// DiffText says in one line how many entities differ.
func DiffText(r *rowdiff.Report) string {
	text := fmt.Sprintf("%s of %s that were compared differ", progress.Count(r.Differing), progress.Count(r.Compared))
	if r.Unsettled > 0 {
		text += fmt.Sprintf(", %s stood at different events", progress.Count(r.Unsettled))
	}
	if !r.Complete {
		text += " (not all were looked at)"
	}
	return text
}

// sampleRows shows an entity that differs, with a row for each field.
func sampleRows(w io.Writer, s *rowdiff.Sample) {
	switch s.Kind {
	case rowdiff.OnlyOld:
		command.Row(w, s.Entity, "existence", "there", "-")
	case rowdiff.OnlyNew:
		command.Row(w, s.Entity, "existence", "-", "there")
	case rowdiff.Parked:
		command.Row(w, s.Entity, "parking", command.OrDash(s.OldParked), command.OrDash(s.NewParked))
	case rowdiff.State:
		for i, change := range s.Changes {
			name := map[bool]string{true: s.Entity}[i == 0]
			command.Row(w, name, pathText(change.Path), command.OrDash(change.Old), command.OrDash(change.New))
		}
		if more := s.Differing - len(s.Changes); more > 0 {
			command.Row(w, "", fmt.Sprintf("and %d more", more))
		}
	}
}

// pathText is the path of a field; the whole state has none.
func pathText(path string) string {
	if path == "" {
		return "the whole state"
	}
	return path
}
