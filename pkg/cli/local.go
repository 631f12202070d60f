package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime/debug"
	"strings"
	"syscall"

	"reprise/pkg/cli/command"
	"reprise/pkg/domain"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/gateway"
	"reprise/pkg/gateway/httpsystem"
	"reprise/pkg/local"
	"reprise/pkg/local/daily"
	"reprise/pkg/local/feedpebble"
	"reprise/pkg/local/localstore"
	"reprise/pkg/outside"
	"reprise/pkg/projection"
	"reprise/pkg/replay/request"
	"reprise/pkg/verify"
)

const localHelp = `
Runs the platform on this machine, with no AWS account: event log, streams,
Data Store and the replay state machine, in one directory. Prints
"ready http://ADDRESS" once it serves. SIGINT and SIGTERM stop it cleanly;
after a crash the same command goes on where it was.

The line "console http://ADDRESS/" says where its web pages are: replays, entities and
health, to watch and to steer.

The line "stepfunctions http://ADDRESS" says where it serves the API of AWS Step
Functions, for the AWS CLI and SDKs with --endpoint-url: region local, account
000000000000, any credentials. --workflows DIR registers the state machine files
DIR/NAME.asl.json there, beside the platform's own.

--verify-at checks every day that the active generation and the log are as they should
be: see reprise help verify start. A day on which the platform does not run is left out.
Each verifies what has changed since the one before, and every seventh everything, or as
--verify-full-every says. --verify-budget caps what one may use, counted as AWS would
charge; it then ends as failed, with a report on how far it came.

--system says where a service of the business logic finds an external system; give it
once for each. An address has no credentials: what needs some is reached by an adapter of
one's own, in the package outside.

Lanes, bucket width and shards are fixed when the directory is created.

While less than --reserve is free on the disk, writes are refused, replays wait
and reads go on; once there is room, everything goes on by itself. That also
holds for a start. The reserve is for what the store must still write then; at
least 128 MiB are recommended.

Examples:
  reprise local --data ./data
  reprise local --data ./data --addr 127.0.0.1:0      any free port
  reprise local --data ./data --workflows ./machines
  reprise local --data ./data --system mail=https://mail.example/v1 --system rates=http://127.0.0.1:9000
  aws stepfunctions list-state-machines --endpoint-url http://127.0.0.1:8788 --region local
  reprise local --data ./years --bucket day --lanes 256
`

const (
	// memoryLimit is where the garbage collector begins to work harder. The memory in
	// use stays well below it, however long the log is.
	memoryLimit = 352 << 20
	// garbagePercent is how much the heap may grow over what is in use before it is
	// collected. Go's 100 takes about 40 MiB more under load and is no faster: most of what
	// is allocated for a request is small and lives as long as the request.
	garbagePercent = 50
)

// localFlags are those of reprise local.
type localFlags struct {
	options local.Options
	bucket  string
	reserve uint64 // MiB
	nightly string
	budget  string
	systems []string // NAME=URL each
}

// endpoints are the values of --system by name. They are checked here and not where flags
// are parsed, since package flag repeats what it refuses, which may hold a secret.
func (f *localFlags) endpoints() (map[string]string, error) {
	endpoints := make(map[string]string, len(f.systems))
	for _, value := range f.systems {
		name, endpoint, named := strings.Cut(value, "=")
		if !named {
			return nil, command.Misuse("--system: want NAME=URL, such as mail=https://mail.example/v1")
		}
		if err := httpsystem.Check(name, endpoint); err != nil {
			return nil, command.Misuse("--system: %v", err)
		}
		if _, twice := endpoints[name]; twice {
			return nil, command.Misuse("--system: system %s is given twice", name)
		}
		endpoints[name] = endpoint
	}
	return endpoints, nil
}

// limitMemory sets what the operator has not set in Go's own variables.
func limitMemory(env func(string) string) {
	if env("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if env("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}

func localCommand() command.Command {
	return command.Command{
		Name:    "local",
		Flags:   "--data DIR",
		Summary: "run the platform on this machine",
		Help:    localHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &localFlags{}
			fs.StringVar(&f.options.Dir, "data", "", "`DIR` that holds everything; created where it does not exist")
			fs.StringVar(&f.options.Addr, "addr", local.DefaultAddr, "loopback `ADDRESS` to serve on")
			fs.StringVar(&f.options.StepFunctionsAddr, "sfn-addr", local.DefaultStepFunctionsAddr,
				"loopback `ADDRESS` of the Step Functions API; unless it is given,\nany free port if that one is in use")
			fs.StringVar(&f.options.Workflows, "workflows", "", "`DIR` of further state machine files, NAME.asl.json")
			fs.IntVar(&f.options.Lanes, "lanes", local.DefaultLanes, "`NUMBER` of lanes, a power of two up to 1024")
			fs.StringVar(&f.bucket, "bucket", "day", "`WIDTH` of the log's buckets: day or hour")
			fs.IntVar(&f.options.Shards, "shards", local.DefaultShards,
				"`NUMBER` of shards of the event stream of a new directory")
			fs.Func("system", "`NAME=URL` of an external system that a service calls; may be repeated",
				func(value string) error {
					f.systems = append(f.systems, value)
					return nil
				})
			fs.StringVar(&f.nightly, "verify-at", "",
				"`TIME` of day, such as 03:00 on this machine's clock, of a daily reprise\nverify start")
			fs.Func("verify-depth", "`DEPTH` of the daily verification: fold, or rebuild (default: fold)",
				func(text string) (err error) {
					f.options.VerifyDepth, err = verify.ParseDepth(text)
					return err
				})
			fs.IntVar(&f.options.VerifyFullEvery, "verify-full-every", local.DefaultVerifyFullEvery,
				"of `NUMBER` verifications in a row, one verifies everything, 1 to 1000")
			fs.StringVar(&f.budget, "verify-budget", "",
				"`AMOUNT` that a daily verification may use, as 2.50usd or 400000ru")
			fs.BoolVar(&f.options.AcceptLoss, "accept-loss", false,
				"go on although acknowledged events are missing; status lists them from then on")
			fs.Uint64Var(&f.reserve, "reserve", localstore.DefaultReserve>>20,
				"free disk space in `MIB` below which writes are refused")
			return func(ctx context.Context, _ string) error {
				f.options.Crash = func(cause string) {
					_, _ = fmt.Fprintln(a.Stderr, "error: "+cause)
					a.Exit(command.ExitFailed)
				}
				if err := f.check(); err != nil {
					return err
				}
				endpoints, err := f.endpoints()
				if err != nil {
					return err
				}
				if len(endpoints) > 0 && domain.Service() == nil {
					_, _ = fmt.Fprintln(a.Stderr, "note: pkg/domain/service.go returns no service, so nothing calls these systems")
				}
				if f.options.Systems, err = outside.Systems(endpoints, a.Env); err != nil {
					return err
				}
				f.options.StepFunctionsAnyPort = !given(fs, "sfn-addr")
				if !given(fs, "shards") {
					f.options.Shards = 0 // as the directory has it
				}
				limitMemory(a.Env)
				ctx, stop := withParent(ctx, a.Env)
				defer stop()
				return explainLocal(f.options, a.RunLocal(ctx, f.options, a.Stdout, a.Stderr))
			}
		},
	}
}

func given(fs *flag.FlagSet, name string) (found bool) {
	fs.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

func (f *localFlags) check() error {
	if f.nightly != "" {
		at, err := daily.Parse(f.nightly)
		if err != nil {
			return command.Misuse("--verify-at: %v", err)
		}
		f.options.VerifyAt = &at
	}
	if f.budget != "" {
		limit, err := request.BudgetOf(f.budget)
		if err != nil {
			return command.Misuse("--verify-budget: %v", err)
		}
		f.options.VerifyBudget = limit
	}
	if n := f.options.VerifyFullEvery; n < 1 || n > 1000 {
		return command.Misuse("--verify-full-every must be from 1 to 1000, not %d", n)
	}
	widths := map[string]eventlog.Width{"day": eventlog.Day, "hour": eventlog.Hour}
	width, known := widths[f.bucket]
	switch {
	case f.options.Dir == "":
		return command.Misuse("missing flag --data: name a directory")
	case !known:
		return command.Misuse("--bucket must be day or hour, not %q", f.bucket)
	case f.reserve < minReserve || f.reserve > maxReserve:
		return command.Misuse("--reserve must be from %d to %d", minReserve, maxReserve)
	case f.options.Shards < 1 || f.options.Shards > maxShards:
		return command.Misuse("--shards must be from 1 to %d", maxShards)
	}
	f.options.Bucket = width
	f.options.ReserveBytes = f.reserve << 20
	if _, err := event.NewLanes(f.options.Lanes); err != nil {
		return command.Misuse("--lanes %d: %v", f.options.Lanes, event.ErrLanes)
	}
	if err := local.CheckAddr(f.options.Addr); err != nil {
		return command.Misuse("--addr: %v", err)
	}
	if err := local.CheckAddr(f.options.StepFunctionsAddr); err != nil {
		return command.Misuse("--sfn-addr: %v", err)
	}
	return nil
}

const (
	// maxShards bounds the shards of the event stream on one machine.
	maxShards = 256
	// minReserve and maxReserve bound the reserve, in MiB.
	minReserve, maxReserve = 1, 1 << 20
)

// explainLocal adds to err what to do about it.
func explainLocal(o local.Options, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, localstore.ErrInUse):
		return command.Hint(err, "another reprise local runs on %s: use that one, or stop it first", o.Dir)
	case errors.Is(err, localstore.ErrFull):
		return command.Hint(err, "free some space on the disk of %s, or give a smaller --reserve", o.Dir)
	case errors.Is(err, feedpebble.ErrLost):
		return command.Hint(err, "restore a newer backup of %s if there is one; or accept the loss, once, "+
			"with --accept-loss: everything else goes on, and whoever sent these events can send them again", o.Dir)
	case errors.Is(err, localstore.ErrDamaged):
		return command.Hint(err, "restore %s from a backup: a file that every start needs cannot be read", o.Dir)
	case errors.Is(err, localstore.ErrFormat):
		return command.Hint(err, "run the version of reprise that wrote it, or import the log into another --data directory")
	case errors.Is(err, local.ErrShards):
		return command.Hint(err, "--shards is fixed when a directory is created: leave it out, or give the same value again")
	case errors.Is(err, localstore.ErrSettings):
		return command.Hint(err, "--lanes and --bucket are fixed when a directory is created: give the same values again")
	case errors.Is(err, localstore.ErrNotADataDir):
		return command.Hint(err, "name an empty or a new directory with --data")
	case errors.Is(err, projection.ErrSharedType):
		return command.Hint(err, "take the type from one of the two projections")
	case errors.Is(err, gateway.ErrDeclaration):
		return command.Hint(err, "correct the service that pkg/domain/service.go returns")
	case errors.Is(err, local.ErrWorkflows):
		return command.Hint(err, "mend the file, or leave --workflows out")
	case errors.Is(err, local.ErrStepFunctionsAddr):
		return command.Hint(err, "choose another --sfn-addr, or leave it out: then any free port will do")
	case errors.Is(err, syscall.EADDRINUSE):
		return command.Hint(err, "%s is in use: choose another --addr; 127.0.0.1:0 takes any free port", o.Addr)
	}
	return err
}
