package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"reprise/pkg/cli/progress"
	"reprise/pkg/replay"
)

const replayStartHelp = `
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

type replayStartFlags struct {
	*clientFlags
	input replay.Request
	name  string
	wait  bool
}

// timeFlag is a time. Given without one it is refused, not taken for absent: a
// variable that a script never set would replay everything.
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

func replayStartCommand() command {
	return command{name: "replay start", summary: "replay the log, or rebuild the Data Store from it", help: replayStartHelp,
		setup: func(a *app, fs *flag.FlagSet) func(context.Context, []string) error {
			f := &replayStartFlags{clientFlags: a.clientFlags(fs)}
			fs.Var(timeFlag{&f.input.From}, "from", "first logged `TIME`, as 2026-03-01T00:00:00Z")
			fs.Var(timeFlag{&f.input.To}, "to", "first logged `TIME` that is left out")
			fs.Var(listFlag{&f.input.Types}, "type", "event `TYPE` to replay; may be given several times")
			fs.Var(listFlag{&f.input.Entities}, "entity", "`ENTITY` to replay; may be given several times")
			fs.BoolVar(&f.input.Rebuild, "rebuild", false, "project into a new generation of the Data Store")
			fs.BoolVar(&f.input.Promote, "promote", false, "make the rebuilt generation the active one")
			fs.IntVar(&f.input.Parallelism, "parallelism", 0, fmt.Sprintf("`NUMBER` of segment readers (default %d)", replay.DefaultParallelism))
			fs.StringVar(&f.name, "name", "", "`ID` of the replay (default: chosen)")
			fs.BoolVar(&f.wait, "wait", false, "show progress, and exit 0 only if it succeeded")
			return func(ctx context.Context, args []string) error {
				if err := none(args); err != nil {
					return err
				}
				return f.run(ctx)
			}
		}}
}

func (f *replayStartFlags) run(ctx context.Context) (err error) {
	if f.name == "" {
		if f.name, err = f.app.chooseName(); err != nil {
			return err
		}
	}
	if err := replay.CheckID(f.name); err != nil {
		return misuse("--name: %s", requestProblem(err))
	}
	if err := checkRequest(f.input); err != nil {
		return err
	}
	meter := progress.New(f.app.stderr, f.app.now)
	defer meter.Done()
	c, err := f.client(shortPatience, meter)
	if err != nil {
		return err
	}
	view, err := c.StartReplay(ctx, f.name, f.input)
	if err != nil {
		return err
	}
	if f.wait {
		return f.watch(ctx, view.ID, meter)
	}
	if f.json {
		return printJSON(f.app.stdout, view)
	}
	_, err = fmt.Fprintf(f.app.stdout, "replay %s is %s\n", view.ID, view.Status)
	meter.Note("follow it with: reprise replay watch %s", view.ID)
	return err
}

// checkRequest refuses what the server would refuse, before an encoder can change
// what is no Unicode.
func checkRequest(r replay.Request) error {
	if err := r.Check(); err != nil {
		return misuse("%s", requestProblem(err))
	}
	return nil
}

// requestProblem words what is wrong with a request without the sentinel.
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
	return nil, errors.New("it is not a time such as 2026-03-01T00:00:00Z")
}
