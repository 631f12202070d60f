package cli

import (
	"context"
	"flag"

	"reprise/pkg/cli/command"
	"reprise/pkg/cli/demo"
)

const generateHelp = `
Prints a synthetic log of file.changed events, a few entities of which have
very many: to try out speed and size. The same flags give the same bytes.

Examples:
  reprise generate --events 1000000 | reprise send - --keep-time --wait
  reprise generate --events 1000000 | gzip > million.jsonl.gz
`

func generateCommand() command.Command {
	return command.Command{
		Name:    "generate",
		Summary: "print a synthetic event log",
		Help:    generateHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			events := fs.Int("events", 100_000, "`NUMBER` of events")
			entities := fs.Int("entities", 50_000, "largest `NUMBER` of entities")
			seed := fs.Uint64("seed", 1, "`NUMBER` that the log follows from")
			return func(context.Context, string) error {
				if *events < 1 || *entities < 1 {
					return command.Misuse("--events and --entities must be at least 1")
				}
				return demo.Synthetic(a.Stdout, *events, *entities, *seed)
			}
		},
	}
}
