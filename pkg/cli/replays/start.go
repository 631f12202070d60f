package replays

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

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
that one active once it is proved complete.

The same --name with the same flags is the same replay: it is not started twice.

Examples:
  reprise replay start --rebuild --promote --wait
  reprise replay start --from 2026-03-01T00:00:00Z --to 2026-03-02T00:00:00Z
  reprise replay start --type account.deposited --entity account-42 --wait
`

type startFlags struct {
	*command.ClientFlags
	input replay.Request
	name  string
	wait  bool
}

// timeFlag is a time. An empty value is refused, not ignored: otherwise a variable
// that a script never set would replay everything.
type timeFlag struct{ into **time.Time }

func (f timeFlag) String() string { return "" }

func (f timeFlag) Set(text string) (err error) {
	*f.into, err = parseTime(text)
	return err
}

// listFlag is a flag that may be given several times.
type listFlag struct{ into *[]string }

func (l listFlag) String() string { return "" }

func (l listFlag) Set(text string) error {
	*l.into = append(*l.into, text)
	return nil
}

func startCommand() command.Command {
	return command.Command{
		Name:    "replay start",
		Summary: "replay the log, or rebuild the Data Store from it",
		Help:    startHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &startFlags{ClientFlags: a.ClientFlags(fs)}
			fs.Var(timeFlag{&f.input.From}, "from", "first logged `TIME`, as 2026-03-01T00:00:00Z")
			fs.Var(timeFlag{&f.input.To}, "to", "first logged `TIME` that is left out")
			fs.Var(listFlag{&f.input.Types}, "type", "event `TYPE` to replay; may be given several times")
			fs.Var(listFlag{&f.input.Entities}, "entity", "`ENTITY` to replay; may be given several times")
			fs.BoolVar(&f.input.Rebuild, "rebuild", false, "project into a new generation of the Data Store")
			fs.BoolVar(&f.input.Promote, "promote", false, "make the rebuilt generation the active one")
			fs.IntVar(&f.input.Parallelism, "parallelism", 0,
				fmt.Sprintf("`NUMBER` of segment readers (default %d)", replay.DefaultParallelism))
			fs.StringVar(&f.name, "name", "", "`ID` of the replay (default: chosen)")
			fs.BoolVar(&f.wait, "wait", false,
				"show progress, and exit 0 only if it succeeded, 3 if it\nsucceeded without an event")
			return func(ctx context.Context, _ string) error { return f.run(ctx) }
		},
	}
}

func (f *startFlags) run(ctx context.Context) (err error) {
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
	view, err := c.StartReplay(ctx, f.name, f.input)
	if err != nil {
		return err
	}
	if f.wait {
		return watch(ctx, f.ClientFlags, view.ID, meter)
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

// parseTime reads a time as the API does; a bare date is midnight in UTC.
func parseTime(text string) (*time.Time, error) {
	var t time.Time
	if err := t.UnmarshalText([]byte(text)); err == nil {
		return &t, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return &t, nil
	}
	return nil, errors.New("expected a time such as 2026-03-01T00:00:00Z")
}
