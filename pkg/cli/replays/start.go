package replays

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"strings"

	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/replay"
)

const startHelp = `
Starts an execution of the replay state machine: it freezes a cut of the log,
reads what is selected, delivers it to the playback stream, waits until all of
it is taken in, and proves that nothing is missing.

--from and --to select by logged time, from inclusive, to exclusive. A rebuild
projects the whole log into a new generation of the Data Store; --promote makes
that one active once it is proved complete and has caught up. With --promote=ask the
replay then waits, for up to a year, until somebody approves (reprise generation
promote) or declines (reprise replay cancel, reprise generation drop); the generation
is kept up to date meanwhile. reprise replay schema prints what the
input can be, which the API and the Step Functions console take as well.

--dry-run starts nothing and prints the plan: how many events are read, how long
that will take, and on AWS what it will cost.

The same --name with the same flags is the same replay: it is not started twice.

Examples:
  reprise replay start --rebuild --promote --wait
  reprise replay start --from 2026-03-01T00:00:00Z --to 2026-03-02T00:00:00Z
  reprise replay start --type account.deposited --entity account-42 --wait
  reprise replay start --prefix account- --attribute tenant=acme --rate 500
  reprise replay start --rebuild --promote=ask
  reprise replay start --rebuild --dry-run
`

type startFlags struct {
	*command.ClientFlags
	input replay.Request
	name  string
	wait  bool
}

func startCommand() command.Command {
	return command.Command{
		Name:    "replay start",
		Summary: "replay the log, or rebuild the Data Store from it",
		Help:    startHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &startFlags{ClientFlags: a.ClientFlags(fs)}
			inputFlags(fs, &f.input)
			fs.StringVar(&f.name, "name", "", "`ID` of the replay (default: chosen)")
			fs.BoolVar(&f.wait, "wait", false,
				"show progress, and exit 0 only if it succeeded, 3 if it\nsucceeded without an event")
			return func(ctx context.Context, _ string) error { return f.run(ctx) }
		},
	}
}

func (f *startFlags) run(ctx context.Context) (err error) {
	given := f.name
	if f.input.DryRun && f.wait {
		return command.Misuse("--wait does not go with --dry-run, which starts nothing")
	}
	if f.name == "" {
		if f.name, err = chooseName(f.App); err != nil {
			return err
		}
	}
	if err := replay.CheckID(f.name); err != nil {
		return command.Misuse("--name: %s", requestProblem(err))
	}
	if err := checkRequest(f.input); err != nil {
		return err
	}
	meter := progress.New(f.App.Stderr, f.App.Now)
	defer meter.Done()
	c, err := f.Client(command.ShortPatience, meter)
	if err != nil {
		return err
	}
	if f.input.DryRun {
		plan, err := c.PlanReplay(ctx, given, f.input)
		if err != nil {
			return err
		}
		return printPlan(f.ClientFlags, plan)
	}
	view, err := c.StartReplay(ctx, f.name, f.input)
	if err != nil {
		return err
	}
	if f.wait {
		return watch(ctx, f.ClientFlags, view.ID, meter, false)
	}
	if f.JSON {
		return command.PrintJSON(f.App.Stdout, view)
	}
	err = command.Say(f.App.Stdout, "replay %s is %s", view.ID, view.Status)
	meter.Note("follow it with: reprise replay watch %s", view.ID)
	return err
}

// chooseName returns a name for a replay without --name. It begins with the time,
// so that lists are in order. The client chooses the name, so that retrying the
// request does not start a second replay.
func chooseName(a *command.App) (string, error) {
	var random [4]byte
	if _, err := io.ReadFull(a.Random, random[:]); err != nil {
		return "", fmt.Errorf("choose replay name: %w", err)
	}
	return a.Now().UTC().Format("20060102-150405-") + hex.EncodeToString(random[:]), nil
}

// checkRequest refuses what the server would refuse. It runs before an encoder can
// replace bytes that are not Unicode.
func checkRequest(r replay.Request) error {
	if err := r.Check(); err != nil {
		return command.Misuse("%s", requestProblem(err))
	}
	return nil
}

// requestProblem returns the text of err without that of replay.ErrRequest.
func requestProblem(err error) string {
	return strings.TrimPrefix(err.Error(), replay.ErrRequest.Error()+": ")
}
