package archive

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"reprise/pkg/api"
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
keeps its progress in FILE.importing. What was on its way when it was killed, it looks for
in the log; if others write to the same lanes meanwhile, it sends it again. Importing
twice changes no state: an event of the same source and id is recorded, and never applied
again.

Examples:
  reprise import log.jsonl.zst
  reprise import january/ --endpoint http://127.0.0.1:8787
`

type importFlags struct {
	*command.ClientFlags
	timeout time.Duration
	react   bool
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
			fs.BoolVar(&f.react, "react", false, "let business logic react to the events, and call external systems")
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
	c.React = f.react
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
		Before:   countsOf(&lanes),
		Accepted: make([]int64, len(lanes.Lanes)),
	})
	if err != nil {
		return result, err
	}
	if resumed {
		if err := j.catchUp(ctx, book); err != nil {
			return result, err
		}
		result.Earlier = book.accepted()
		j.meter.Note("going on after %s events", progress.Count(result.Earlier))
	} else if result.Known, err = j.known(ctx); err != nil {
		return result, err
	}
	if err := j.send(ctx, book, &result); err != nil {
		return result, err
	}
	return result, book.remove()
}

// countsOf is how many events each lane has.
func countsOf(view *api.LanesView) []int64 {
	counts := make([]int64, len(view.Lanes))
	for i := range view.Lanes {
		counts[i] = view.Lanes[i].Count
	}
	return counts
}

// send sends what is not accepted yet, waits, and compares the counts.
func (j *importJob) send(ctx context.Context, book *journal, result *imported) error {
	show := &shown{meter: j.meter, label: "importing", total: result.Events, now: j.app.Now}
	show.skip(result.Earlier)
	s, err := newSending(j.to, book.at.Accepted, func(events map[event.Lane]int64) error {
		for _, n := range events {
			show.add(n)
		}
		return book.add(events)
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
	result.Accepted = book.accepted() - result.Earlier
	result.Moved = s.moved
	if err != nil {
		return err
	}
	return j.settle(ctx, s.reached, sumOfAll(book.at.Before), result)
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
		result.Arrived = sumOfAll(countsOf(&view)) - before
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
