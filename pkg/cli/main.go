package cli

import (
	"context"
	"io"
	"slices"

	"reprise/pkg/cli/archive"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/entity"
	"reprise/pkg/cli/generations"
	"reprise/pkg/cli/outgoing"
	"reprise/pkg/cli/repairs"
	"reprise/pkg/cli/replays"
	"reprise/pkg/cli/verification"
)

// Main runs the command that args, without the program's name, ask for. It
// returns the exit code: 0 success, 1 failure, 2 misuse. The end of ctx stops it
// cleanly.
func Main(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	return command.NewApp(env, stdin, stdout, stderr, commands()).Main(ctx, args)
}

// commands lists every command in the order in which help shows them.
func commands() []command.Command {
	return slices.Concat(
		[]command.Command{demoCommand(), localCommand(), sendCommand()},
		replays.Commands(),
		generations.Commands(),
		verification.Commands(),
		[]command.Command{repairs.Command()},
		outgoing.Commands(),
		entity.Commands(),
		[]command.Command{entity.EraseCommand()},
		archive.Commands(),
		[]command.Command{playbackTailCommand(), statusCommand(), consoleCommand()},
		entity.AsideCommands(),
		[]command.Command{generateCommand(), doctorCommand()})
}
