package archive

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/api/web"
	"reprise/pkg/archive"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/event"
)

const importHelp = `
Sends the events of an export, made by reprise export, to a platform. All of the export
is checked first: if anything in it is damaged, nothing is sent. Events keep their order
and the times at which they were logged; logged times never go back within a lane, so
import into an empty log, or one whose events are older. At the end the import waits
until every event is applied, and compares the counts.

An import that was interrupted goes on where it was when the same command runs again; it
keeps its progress in FILE.importing. Importing twice changes no state: an event of the
same source and id is recorded, and never applied again. So are at most 5,000 events of
each of 8 senders that were on their way when an import was killed.

Examples:
  reprise import log.jsonl.zst
  reprise import january/ --endpoint http://127.0.0.1:8787
`

type importFlags struct {
	*command.ClientFlags
	timeout time.Duration
}

func importCommand() command.Command {
	return command.Command{
		Name:    "import",
		Arg:     "FILE|DIR",
		Summary: "send the events of an export to a platform",
		Help:    importHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &importFlags{ClientFlags: a.ClientFlags(fs)}
			fs.DurationVar(&f.timeout, "timeout", 10*time.Minute,
				"how long to wait at the end until everything is applied, a `TIME` such as 90s")
			return f.run
		},
	}
}

// imported is the result of reprise import.
type imported struct {
	// Events are those of the export, of which Accepted were sent now and Earlier before
	// an interruption.
	Events   int64 `json:"events"`
	Accepted int64 `json:"accepted"`
	Earlier  int64 `json:"acceptedEarlier,omitempty"`
	// Arrived is how many events came into the log since the import began. More than
	// Events were sent twice, or by others.
	Arrived int64 `json:"arrived"`
	// Moved counts events that lie in a later bucket than in the log they come from.
	Moved int64 `json:"moved,omitempty"`
	// Known is set if events of the export were in the log already: all of those are
	// recorded as duplicates, and not applied.
	Known bool `json:"knownBefore,omitempty"`
}

func (f *importFlags) run(ctx context.Context, path string) error {
	if f.timeout <= 0 {
		return command.Misuse("--timeout must be more than 0")
	}
	meter := progress.New(f.App.Stderr, f.App.Now)
	defer meter.Done()
	c, err := f.Client(command.LongPatience, meter)
	if err != nil {
		return err
	}
	a, err := openChecked(ctx, path, meter, f.App.Now)
	if err != nil {
		return explainImport(err)
	}
	defer func() { _ = a.Close() }() // it was only read
	job := importJob{app: f.App, to: c, archive: a, journal: strings.TrimRight(path, "/") + journalEnd,
		meter: meter, timeout: f.timeout}
	result, err := job.run(ctx)
	if err != nil {
		return explainImport(err)
	}
	meter.Done()
	result.warn(f.App)
	return command.PrintJSON(f.App.Stdout, result)
}

// openChecked opens an export and reads all of it.
func openChecked(
	ctx context.Context, path string, meter *progress.Meter, now func() time.Time,
) (*archive.Archive, error) {
	a, err := archive.Open(path)
	if err != nil {
		return nil, err
	}
	done, rate := int64(0), progress.Rate{}
	err = a.Check(ctx, func(bytes int64) {
		done += bytes
		rate.Add(now(), float64(done))
		meter.Show(progress.State{Label: "checking", Fraction: float64(done) / float64(max(1, a.Bytes)),
			Left: rate.Left(float64(a.Bytes))})
	})
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	meter.Done()
	return a, nil
}

// importJob is an export to send, and where to.
type importJob struct {
	app     *command.App
	to      *client.Client
	archive *archive.Archive
	journal string
	meter   *progress.Meter
	timeout time.Duration
}

func (j *importJob) run(ctx context.Context) (imported, error) {
	result := imported{Events: j.archive.Manifest.End.Events}
	lanes, err := j.to.Lanes(ctx)
	if err != nil {
		return result, err
	}
	book, resumed, err := openJournal(j.journal, progressOf{
		Export:   j.archive.Manifest.End.SHA256,
		Endpoint: j.to.Endpoint(),
		Before:   counted(&lanes),
		Accepted: make([]int64, min(maxSenders, len(lanes.Lanes))),
	})
	if err != nil {
		return result, err
	}
	for _, n := range book.at.Accepted {
		result.Earlier += n
	}
	if resumed {
		j.meter.Note("going on after %s events", progress.Count(result.Earlier))
	} else if result.Known, err = j.known(ctx); err != nil {
		return result, err
	}
	if err := j.send(ctx, book, &result); err != nil {
		return result, err
	}
	return result, book.remove()
}

func counted(view *api.LanesView) (events int64) {
	for i := range view.Lanes {
		events += view.Lanes[i].Count
	}
	return events
}

// send sends what is not accepted yet, waits, and compares the counts.
func (j *importJob) send(ctx context.Context, book *journal, result *imported) error {
	show := &shown{meter: j.meter, label: "importing", total: result.Events, now: j.app.Now}
	show.skip(result.Earlier)
	s, err := newSending(j.to, book.at.Accepted, func(sender int, events int64) error {
		show.add(events)
		return book.add(sender, events)
	})
	if err != nil {
		return err
	}
	events, err := j.archive.Events()
	if err != nil {
		return err
	}
	defer events.Close()
	err = s.run(ctx, events)
	for _, n := range book.at.Accepted {
		result.Accepted += n
	}
	result.Accepted -= result.Earlier
	result.Moved = s.moved
	if err != nil {
		return err
	}
	return j.settle(ctx, s.reached, book.at.Before, result)
}

// errMissing says that fewer events arrived than were accepted.
var errMissing = errors.New("fewer events came into the log than were accepted")

// settle waits until every event is in the log and applied.
func (j *importJob) settle(
	ctx context.Context, reached map[event.Lane]event.Position, before int64, result *imported,
) error {
	deadline := j.app.Now().Add(j.timeout)
	for {
		view, err := j.to.Lanes(ctx)
		if err != nil {
			return err
		}
		result.Arrived = counted(&view) - before
		waiting := 0
		for _, l := range view.Lanes {
			if l.Position < reached[l.Lane] || (!view.Lost && l.Applied < l.Position) {
				waiting++
			}
		}
		late := j.app.Now().After(deadline)
		switch {
		case waiting == 0 && result.Arrived >= result.Events:
			return nil
		case waiting == 0 && len(reached) > 0, late && result.Arrived < result.Events:
			return fmt.Errorf("%w: %d of %d", errMissing, result.Arrived, result.Events)
		case late:
			return fmt.Errorf("every event is in the log, but %d lanes are not applied after %s", waiting, j.timeout)
		}
		j.meter.Show(progress.State{Label: "applying", Fraction: -1,
			Detail: fmt.Sprintf("%d lanes are behind", waiting)})
		if err := j.app.Sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// known reports whether the first event of the export is in the target's log already.
func (j *importJob) known(ctx context.Context) (bool, error) {
	events, err := j.archive.Events()
	if err != nil {
		return false, err
	}
	defer events.Close()
	first, err := events.Next()
	if err != nil {
		return false, nil // an export without events
	}
	want, err := event.Parse(string(first.Line))
	if err != nil {
		return false, fmt.Errorf("read event at %s: %w", first.Position, err)
	}
	page, err := j.to.History(ctx, want.Subject, "", 1000)
	if problem, ok := errors.AsType[*web.Problem](err); ok && problem.Kind() == "entity-not-found" {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for i := range page.Events {
		have, err := event.Parse(string(page.Events[i].Event))
		if err == nil && have.Identity() == want.Identity() {
			return true, nil
		}
	}
	return false, nil
}

func (r *imported) warn(a *command.App) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(a.Stderr, "warning: "+format+"\n", args...) }
	if r.Known {
		say("the log had events of this export already: those are recorded again as duplicates, and not applied")
	}
	if more := r.Arrived - r.Events; more > 0 {
		say("%d more events came into the log meanwhile: sent twice because of an interruption, and then not "+
			"applied again, or sent by others", more)
	}
	if r.Moved > 0 {
		say("%d events lie in a later time range than in the log they come from, because their lanes already had "+
			"later events", r.Moved)
	}
}

func explainImport(err error) error {
	newer, isNewer := errors.AsType[*archive.NewerFormat](err)
	problem, refused := errors.AsType[*web.Problem](err)
	switch {
	case isNewer:
		return command.Hint(newer, "nothing was sent: import it with the release that exported it, or a later one")
	case errors.Is(err, fs.ErrNotExist):
		return command.Misuse("%v", err)
	case errors.Is(err, archive.ErrDamaged):
		return command.Hint(err, "nothing was sent: copy the export again, or export again")
	case errors.Is(err, errOtherImport):
		return command.Hint(err, "finish that import first, or remove its file *%s", journalEnd)
	case errors.Is(err, context.Canceled):
		return command.Hint(errors.New("interrupted"), "run the same command again: it goes on where it was")
	case refused && problem.Status < 500:
		return command.Hint(err, "%s; then run the same command again: it goes on where it was",
			cmp.Or(command.HintFor("import", err), "the platform may be of an earlier release than this command"))
	}
	return err
}
