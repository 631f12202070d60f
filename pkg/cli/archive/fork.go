package archive

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"reprise/pkg/archive"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
)

const forkHelp = `
Makes a test environment from the log as it was: everything that was logged before the
time of --to, or the part of it that is selected. Times are those at which events were
logged, not the events' own.

--into DIR makes a new data directory: reprise local --data DIR serves it. Its states are
those to which the selected events fold; it is verified before DIR appears. --into URL
sends the events to another platform, whose log they are added to.

What is selected is exported first, to DIR.forking or a temporary directory, which are
removed at the end. A fork that was interrupted goes on when the same command runs again:
what was exported is not read again.

--mask replaces personal fields by the rules of a file, before anything is written: see
pkg/archive/mask/MASKING.md. What the rules do not cover ends the fork.

Examples:
  reprise fork --to 2026-03-01 --into ./test
  reprise fork --entity account-42 --into ./bug --region eu-west-1
  reprise fork --to 2026-03-01 --mask rules.json --mask-key key --into http://127.0.0.1:8790
`

type forkFlags struct {
	copyFlags
	into    string
	timeout time.Duration
}

func forkCommand() command.Command {
	return command.Command{
		Name:    "fork",
		Flags:   "--into DIR|URL",
		Summary: "make a test environment from the log as it was",
		Help:    forkHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &forkFlags{copyFlags: copyFlags{ClientFlags: a.ClientFlags(fs)}}
			fs.StringVar(&f.into, "into", "", "new data `DIR`, or the URL of another platform")
			f.define(fs, "to copy")
			fs.DurationVar(&f.timeout, "timeout", 10*time.Minute,
				"how long to wait at the end until everything is applied, a `TIME` such as 90s")
			return func(ctx context.Context, _ string) error { return f.run(ctx) }
		},
	}
}

// forked is the result of reprise fork.
type forked struct {
	Into   string `json:"into"`
	Events int64  `json:"events"`
	// Logged is how many events the source's log had at the cut.
	Logged int64  `json:"logged"`
	Cut    string `json:"cut"`
	// Verified is set for a directory: every row is what the log folds to, and the log
	// has what was exported.
	Verified bool `json:"verified"`
	Masked   bool `json:"masked"`
}

func (f *forkFlags) run(ctx context.Context) error {
	switch {
	case f.into == "":
		return command.Misuse("missing flag --into: name a new directory or the URL of a platform")
	case f.timeout <= 0:
		return command.Misuse("--timeout must be more than 0")
	}
	meter := progress.New(f.App.Stderr, f.App.Now)
	defer meter.Done()
	export, from, err := f.job(meter)
	if err != nil {
		return err
	}
	job := forkJob{flags: f, from: from, export: export, meter: meter}
	result, err := job.run(ctx)
	if err != nil {
		_ = os.Remove(job.work) // if nothing is in it yet
		return err
	}
	meter.Done()
	return command.PrintJSON(f.App.Stdout, result)
}

// forkJob is a fork under way.
type forkJob struct {
	flags  *forkFlags
	from   *client.Client
	export exportJob
	meter  *progress.Meter
	// work is the directory of what is not finished.
	work string
}

// toURL reports whether the fork goes to another platform.
func (j *forkJob) toURL() bool { return strings.Contains(j.flags.into, "://") }

func (j *forkJob) run(ctx context.Context) (forked, error) {
	var to *client.Client
	var err error
	if j.toURL() {
		if to, err = j.target(ctx); err != nil {
			return forked{}, err
		}
	} else if err := checkEmpty(j.flags.into); err != nil {
		return forked{}, err
	}
	if err := j.begin(); err != nil {
		return forked{}, err
	}
	a, err := j.exported(ctx)
	if err != nil {
		return forked{}, explainExport(j.export.out, err)
	}
	defer func() { _ = a.Close() }() // it was only read
	result := forked{
		Into:   j.flags.into,
		Events: a.Manifest.End.Events,
		Logged: logged(&a.Manifest.Header),
		Cut:    a.Manifest.Header.Taken.Format("2006-01-02T15:04:05.000Z"),
		Masked: j.export.masked != nil,
	}
	if j.toURL() {
		err = j.send(ctx, to, a)
	} else {
		err = j.build(ctx, a)
		result.Verified = err == nil
	}
	if err != nil {
		return forked{}, explainImport(err)
	}
	return result, os.RemoveAll(j.work)
}

// checkEmpty refuses a directory with anything in it.
func checkEmpty(path string) error {
	have, err := os.ReadDir(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return command.Misuse("--into: %v", err)
	case len(have) > 0:
		return command.Misuse("--into %s: the directory is not empty: name a new one", path)
	}
	return nil
}

// begin makes the working directory, the same each time for the same fork.
func (j *forkJob) begin() error {
	j.work = strings.TrimRight(j.flags.into, "/") + ".forking"
	if j.toURL() {
		what, err := json.Marshal([]any{j.flags.into, j.from.Endpoint(), j.export.choose, j.export.masked})
		if err != nil {
			return fmt.Errorf("name the working directory: %w", err)
		}
		j.work = filepath.Join(os.TempDir(), fmt.Sprintf("reprise-fork-%x", sha256.Sum256(what))[:36])
	}
	j.export.out = filepath.Join(j.work, "export.jsonl.zst")
	if err := os.MkdirAll(j.work, 0o700); err != nil {
		return fmt.Errorf("create the working directory: %w", err)
	}
	return nil
}

// exported is the checked export of the fork, made before or now.
func (j *forkJob) exported(ctx context.Context) (*archive.Archive, error) {
	if _, err := os.Stat(j.export.out); errors.Is(err, os.ErrNotExist) {
		if _, err := j.export.run(ctx); err != nil {
			return nil, err
		}
	}
	a, err := openChecked(ctx, j.export.out, j.meter, j.flags.App.Now)
	if err != nil {
		return nil, err
	}
	selected, err := selectionText(j.export.choose)
	h := &a.Manifest.Header
	if err == nil && (string(selected) != string(h.Select) || !sameMask(h.Masked, j.export.masked)) {
		err = command.Hint(errOther, "remove %s, or choose another --into", j.work)
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// errSelf says that a fork would go into the log that it comes from.
var errSelf = errors.New("the target is the source itself, or a copy of its log")

// target is the client of another platform. Loopback addresses take no credentials.
func (j *forkJob) target(ctx context.Context) (*client.Client, error) {
	to := *j.flags.ClientFlags
	to.Endpoint = j.flags.into
	c, err := to.Client(command.LongPatience, j.meter)
	if err != nil {
		return nil, err
	}
	from, err := j.from.LogCut(ctx)
	if err != nil {
		return nil, err
	}
	if c.Endpoint() == j.from.Endpoint() {
		return nil, command.Hint(errSelf, "name another platform with --into")
	}
	there, err := c.LogCut(ctx)
	if err != nil {
		return nil, err
	}
	// Positions and digests of two logs differ, unless one is the other. A lane may have
	// had events between the two looks, so that one lane that agrees is enough.
	for i := range min(len(from.Lanes), len(there.Lanes)) {
		a, b := &from.Lanes[i], &there.Lanes[i]
		if a.Count > 0 && a.Position == b.Position && a.Count == b.Count && a.Open == b.Open {
			return nil, command.Hint(errSelf, "name another platform with --into")
		}
	}
	return c, nil
}

// send sends the export to another platform.
func (j *forkJob) send(ctx context.Context, to *client.Client, a *archive.Archive) error {
	job := importJob{app: j.flags.App, to: to, archive: a, journal: filepath.Join(j.work, "progress"),
		meter: j.meter, timeout: j.flags.timeout}
	result, err := job.run(ctx)
	if err != nil {
		return err
	}
	j.meter.Done()
	result.warn(j.flags.App)
	return nil
}
