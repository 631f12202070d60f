package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"reprise/pkg/cli/bank"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/demo"
	"reprise/pkg/cli/progress"
	"reprise/pkg/cli/replays"
	"reprise/pkg/cli/send"
	"reprise/pkg/domain/samples"
	"reprise/pkg/local"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

const demoHelp = `
Shows the whole of it on a real event log, the history of the Litestream
repository: sends it through the HTTP API, loses the Data Store, rebuilds it
from the event log with an execution of the replay state machine, and compares
every entity with what Git itself says.

With --effects it shows business logic that reaches external systems instead: a
bank charges fees, by a stand-in for its payments that breaks connections now and
then; for a week the fee is wrong; a rebuild finds what the corrected logic would
have sent, and once that is approved, the wrong fees are refunded and the right
ones charged, once each.

Everything happens in a temporary directory, which is removed at the end. The
exit code is 0 only if every entity agrees, or every account's fees are right.

Examples:
  reprise demo
  reprise demo --effects
`

type demoFlags struct {
	app     *command.App
	json    bool
	effects bool
}

func demoCommand() command.Command {
	return command.Command{
		Name:    "demo",
		Summary: "see a real event log lost, rebuilt and checked",
		Help:    demoHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &demoFlags{app: a}
			fs.BoolVar(&f.json, "json", false, "print JSON")
			fs.BoolVar(&f.effects, "effects", false, "show business logic that reaches external systems")
			return func(ctx context.Context, _ string) error {
				if f.effects {
					return bank.Run(ctx, a, f.json)
				}
				return f.run(ctx)
			}
		},
	}
}

func (f *demoFlags) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "reprise-demo-")
	if err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, stop := context.WithCancel(ctx)
	endpoint, ended := f.serve(ctx, dir)
	address, up := <-endpoint
	if up {
		err = f.show(ctx, address)
	}
	stop()
	return errors.Join(err, <-ended)
}

// serve runs a platform in dir until ctx ends. The first channel receives its
// address once it serves, and is closed without one if it cannot.
func (f *demoFlags) serve(ctx context.Context, dir string) (<-chan string, <-chan error) {
	endpoint, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		// The demonstration loses the Data Store on purpose, so it hides warnings.
		log := slog.New(slog.NewTextHandler(f.app.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
		// Its events belong to a sample, whichever projections the user has registered.
		own := []projection.Projection{samples.RepoFiles()}
		options := local.Options{Dir: dir, Addr: "127.0.0.1:0", Log: log, Projections: own}
		err := f.app.RunLocal(ctx, options, readyWriter{endpoint}, f.app.Stderr)
		close(endpoint)
		ended <- err
	}()
	return endpoint, ended
}

// readyWriter finds the address in the line that a platform prints.
type readyWriter struct{ endpoint chan<- string }

func (w readyWriter) Write(line []byte) (int, error) {
	if address, found := strings.CutPrefix(strings.TrimSpace(string(line)), "ready "); found {
		w.endpoint <- address
	}
	return len(line), nil
}

// demonstration is the demo under way.
type demonstration struct {
	*demoFlags
	client *client.Client
	meter  *progress.Meter
}

func (f *demoFlags) show(ctx context.Context, endpoint string) error {
	meter := progress.New(f.app.Stderr, f.app.Now)
	defer meter.Done()
	c, err := client.New(client.Options{
		Endpoint: endpoint,
		Patience: command.ShortPatience,
		Now:      f.app.Now,
		Sleep:    f.app.Sleep,
	})
	if err != nil {
		return err
	}
	d := &demonstration{f, c, meter}
	d.say("platform ready at %s (64 lanes, embedded store)", endpoint)
	if err := d.send(ctx); err != nil {
		return err
	}
	before, err := d.rows(ctx)
	if err != nil {
		return err
	}
	if err := d.lose(ctx); err != nil {
		return err
	}
	view, err := d.rebuild(ctx)
	if err != nil {
		return err
	}
	result, err := d.judge(ctx, before, view)
	if err != nil {
		return err
	}
	return d.report(result)
}

// say prints what has been done.
func (d *demonstration) say(format string, args ...any) {
	d.meter.Done()
	_, _ = fmt.Fprintf(d.app.Stderr, format+"\n", args...)
}

func (d *demonstration) send(ctx context.Context) error {
	log, err := demo.Litestream()
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // it was only read
	show := newSendProgress(d.meter, 0, d.app.Now)
	result, err := send.Send(ctx, log, send.Options{To: d.client, KeepTime: true, Now: d.app.Now, Sent: show.add})
	if err != nil {
		return err
	}
	flags := &sendFlags{ClientFlags: &command.ClientFlags{App: d.app, Endpoint: d.client.Endpoint()}, timeout: time.Minute}
	if err := flags.await(ctx, result.Reached, d.meter); err != nil {
		return err
	}
	d.say("sent %s events of the Litestream repository through POST /imports; all are in the event log and applied",
		progress.Count(result.Accepted))
	return nil
}

func (d *demonstration) lose(ctx context.Context) error {
	lanes, err := d.client.Lanes(ctx)
	if err != nil {
		return err
	}
	wiped, err := d.client.Wipe(ctx, lanes.Generation)
	if err != nil {
		return err
	}
	d.say("lost the Data Store: generation %s is empty; only the event log is left", wiped.Generation)
	return nil
}

func (d *demonstration) rebuild(ctx context.Context) (lifecycle.View, error) {
	started := d.app.Now()
	view, err := d.client.StartReplay(ctx, "demo", replay.Request{Rebuild: true, Promote: true})
	if err != nil {
		return lifecycle.View{}, err
	}
	d.say("started execution demo of workflows/replay.asl.json")
	w := &replays.Watcher{Client: d.client, Meter: d.meter, Now: d.app.Now, Sleep: d.app.Sleep}
	if view, err = w.Watch(ctx, view.ID); err != nil {
		return lifecycle.View{}, err
	}
	d.meter.Show(progress.State{Label: "replayed", Fraction: max(replays.Fraction(view), 0),
		Detail: replays.Detail(view, 0, d.app.Now())})
	if view.Status != replay.Succeeded {
		return view, fmt.Errorf("the rebuild ended as %s: %+v", view.Status, view.Failure)
	}
	d.say("replay %s in %s: %d lane groups over %d time slices, proved complete, generation %s is active",
		view.Status, d.app.Now().Sub(started).Round(time.Millisecond), view.Plan.Groups, view.Plan.Slices, view.Generation)
	return view, nil
}

func (d *demonstration) report(o judgement) error {
	if d.json {
		if err := command.PrintJSON(d.app.Stdout, o); err != nil {
			return err
		}
		return o.verdict()
	}
	err := command.Table(d.app.Stdout, func(w io.Writer) {
		command.Row(w, "events", o.Events)
		command.Row(w, "entities", o.Entities)
		command.Row(w, "duplicates dropped", o.Duplicates)
		command.Row(w, "order violations", o.OrderViolations)
		command.Row(w, "missing", o.Missing)
		command.Row(w, "rebuilt state equals lost state", fmt.Sprintf("%d of %d", o.Restored, o.Entities))
		command.Row(w, "entities that agree with Git", fmt.Sprintf("%d of %d", o.Agreeing, o.Entities))
	})
	if err != nil {
		return err
	}
	return o.verdict()
}
