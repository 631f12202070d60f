package archive

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"reprise/pkg/archive"
	"reprise/pkg/archive/mask"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/printable"
	"reprise/pkg/cli/progress"
	"reprise/pkg/replay/request"
)

const exportHelp = `
Writes the log, or the part of it that is selected, as CloudEvents, one JSON object a
line, compressed with zstd and with checksums over everything. FILE is one file; DIR,
an existing directory or a name with a slash at its end, gets a file for each part; "-"
is the standard output. zstdcat shows the events.

What the log has when the export begins is exported, each event once, whatever arrives
meanwhile; times are those at which events were logged. The events of a lane, and so
those of each entity, keep their order. What was read is compared with the log's heads
and manifests.

An export to a FILE or DIR that was interrupted goes on where it was when the same
command runs again, with the same cut.

--mask replaces personal fields by the rules of a file, before anything is written: see
pkg/archive/mask/MASKING.md. What the rules do not cover ends the export.

Examples:
  reprise export --out log.jsonl.zst
  reprise export --out january/ --from 2026-01-01 --to 2026-02-01
  reprise export --out bug.jsonl.zst --entity account-42 --region eu-west-1
`

// Commands returns the commands, in the order in which help lists them.
func Commands() []command.Command {
	return []command.Command{exportCommand(), importCommand(), forkCommand()}
}

type exportFlags struct {
	copyFlags
	out string
}

func exportCommand() command.Command {
	return command.Command{
		Name:    "export",
		Flags:   "--out FILE|DIR|-",
		Summary: "write the log, or part of it, to files",
		Help:    exportHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &exportFlags{copyFlags: copyFlags{ClientFlags: a.ClientFlags(fs)}}
			fs.StringVar(&f.out, "out", "", "`FILE`, directory or - to write to")
			f.define(fs, "to export")
			return func(ctx context.Context, _ string) error { return f.run(ctx) }
		},
	}
}

// exported is the result of reprise export.
type exported struct {
	Out string `json:"out"`
	// Events are those exported, of Logged that the cut covers.
	Events int64  `json:"events"`
	Logged int64  `json:"logged"`
	Bytes  int64  `json:"bytes"`
	Parts  int    `json:"parts"`
	Cut    string `json:"cut"`
	Digest string `json:"digest"`
	// Content is the same for a copy of the log.
	Content string `json:"content"`
}

func (f *exportFlags) run(ctx context.Context) error {
	if f.out == "" {
		return command.Misuse("missing flag --out: name a file, a directory or -")
	}
	if f.out == "-" && printable.IsTerminal(f.App.Stdout) {
		return command.Misuse("--out - writes compressed data: send it to a file or a program, not to a terminal")
	}
	meter := progress.New(f.App.Stderr, f.App.Now)
	defer meter.Done()
	job, _, err := f.job(meter)
	if err != nil {
		return err
	}
	job.out = f.out
	m, err := job.run(ctx)
	if err != nil {
		return explainExport(f.out, err)
	}
	meter.Done()
	if f.out == "-" {
		return nil // the standard output has the export
	}
	return command.PrintJSON(f.App.Stdout, resultOf(f.out, &m))
}

func resultOf(out string, m *archive.Manifest) exported {
	return exported{
		Out:     out,
		Events:  m.End.Events,
		Logged:  logged(&m.Header),
		Bytes:   m.End.Bytes,
		Parts:   m.End.Parts,
		Cut:     m.Header.Taken.Format("2006-01-02T15:04:05.000Z"),
		Digest:  m.End.Digest.String(),
		Content: m.End.Content.String(),
	}
}

func logged(h *archive.Header) (events int64) {
	for i := range h.Lanes {
		events += h.Lanes[i].Sum.Events
	}
	return events
}

// exportJob is what to export, and where to.
type exportJob struct {
	app    *command.App
	from   source
	out    string
	choose request.Request
	// mask changes the line of an event, and masked says how; nil for neither.
	mask   func(line []byte) ([]byte, error)
	masked *archive.Masked
	meter  *progress.Meter
	// partBytes and spoolBytes are those of the exporter, 0 for the defaults. Tests set
	// small ones.
	partBytes  int64
	spoolBytes int
}

// run begins an export or goes on with one, to its end.
func (j *exportJob) run(ctx context.Context) (archive.Manifest, error) {
	w, err := j.open(ctx)
	if err != nil {
		return archive.Manifest{}, err
	}
	encoder, err := archive.NewEncoder()
	if err != nil {
		return archive.Manifest{}, errors.Join(err, w.Close())
	}
	defer encoder.Close()
	show := &shown{meter: j.meter, label: "exporting", total: logged(&w.Header), now: j.app.Now}
	x := &exporter{from: j.from, out: w, encoder: encoder, mask: j.mask, show: show,
		partBytes: cmp.Or(j.partBytes, archive.PartBytes), spoolBytes: cmp.Or(j.spoolBytes, spoolBytes)}
	m, err := x.run(ctx)
	if err != nil {
		return archive.Manifest{}, errors.Join(err, w.Close())
	}
	return m, nil
}

// folder reports whether the export goes to a directory.
func (j *exportJob) folder() bool {
	info, err := os.Stat(j.out)
	return strings.HasSuffix(j.out, "/") || (err == nil && info.IsDir())
}

// errOther says that an unfinished export is of something else.
var errOther = errors.New("an unfinished export of another selection or another log is there")

func (j *exportJob) open(ctx context.Context) (*archive.Writer, error) {
	selected, err := selectionText(j.choose)
	if err != nil {
		return nil, err
	}
	if j.out != "-" {
		w, found, err := archive.Resume(j.out, j.folder())
		if err != nil {
			return nil, err
		}
		if found && bytes.Equal(w.Header.Select, selected) && sameMask(w.Header.Masked, j.masked) {
			j.meter.Note("going on with the export of %s", w.Header.Taken.Format("2006-01-02 15:04:05Z"))
			return w, nil
		}
		if found {
			return nil, errors.Join(errOther, w.Close())
		}
	}
	cut, err := j.from.LogCut(ctx)
	if err != nil {
		return nil, err
	}
	h := headerOf(cut, selected, j.masked)
	if j.out == "-" {
		return archive.Stream(j.app.Stdout, h)
	}
	return archive.Create(j.out, j.folder(), h)
}

func sameMask(a, b *archive.Masked) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func explainExport(out string, err error) error {
	_, unmasked := errors.AsType[*mask.Refused](err)
	switch {
	case unmasked:
		return command.Hint(err, "nothing of this event was written: extend the rules of --mask, and begin anew")
	case errors.Is(err, errOther):
		return command.Hint(err, "choose another --out, or remove what is unfinished (%s)", unfinished(out))
	case errors.Is(err, os.ErrExist):
		return command.Hint(err, "nothing is overwritten: choose another --out")
	case errors.Is(err, errIncomplete):
		return command.Hint(err, "nothing of that part was written: reprise verify start --full --wait shows what differs")
	case errors.Is(err, context.Canceled):
		return command.Hint(errors.New("interrupted"), "run the same command again: it goes on where it was")
	}
	if _, unreachable := errors.AsType[*client.Unreachable](err); unreachable {
		return fmt.Errorf("export: %w", err)
	}
	return err
}

// unfinished names what an interrupted export leaves.
func unfinished(out string) string {
	if strings.HasSuffix(out, "/") {
		return "the directory " + out
	}
	return out + archive.Partial
}
