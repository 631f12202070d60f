package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/api/extract"
	"reprise/pkg/api/verifications"
	"reprise/pkg/archive"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/local"
	"reprise/pkg/verify"
)

// build makes a data directory with the events of an export. It is made under another
// name, always anew, so that nothing is in it twice, and appears once it is verified.
func (j *forkJob) build(ctx context.Context, a *archive.Archive) error {
	data := filepath.Join(j.work, "data")
	book := filepath.Join(j.work, "progress")
	if err := errors.Join(os.RemoveAll(data), os.RemoveAll(book)); err != nil {
		return fmt.Errorf("remove what an interrupted fork left: %w", err)
	}
	err := j.serve(ctx, data, &a.Manifest.Header, func(ctx context.Context, c *client.Client) error {
		job := importJob{app: j.flags.App, to: c, archive: a, journal: book, meter: j.meter, timeout: j.flags.timeout}
		if _, err := job.run(ctx); err != nil {
			return err
		}
		if err := j.verify(ctx, c); err != nil {
			return err
		}
		return compare(ctx, c, &a.Manifest)
	})
	if err != nil {
		return err
	}
	if err := checkEmpty(j.flags.into); err != nil {
		return err
	}
	_ = os.Remove(j.flags.into) // if it is there, it is empty
	if err := os.Rename(data, strings.TrimRight(j.flags.into, "/")); err != nil {
		return fmt.Errorf("put the directory in its place: %w", err)
	}
	return nil
}

// serve runs a platform on a new directory while work lasts, with the lanes and buckets
// of the log that is forked.
func (j *forkJob) serve(
	ctx context.Context, dir string, h *archive.Header, work func(context.Context, *client.Client) error,
) error {
	app := j.flags.App
	options := local.Options{
		Dir:    dir,
		Addr:   "127.0.0.1:0",
		Lanes:  len(h.Lanes),
		Bucket: eventlog.Width(time.Duration(h.BucketHours) * time.Hour),
		// What happened there must not be done again from here, now or later.
		WithoutService: true,
		Crash: func(cause string) {
			j.meter.Note("error: %s", cause)
			app.Exit(command.ExitFailed)
		},
	}
	group, ctx := errgroup.WithContext(ctx)
	running, stop := context.WithCancel(ctx)
	ready := newReadyLine()
	group.Go(func() error {
		err := app.RunLocal(running, options, ready, notes{j.meter})
		if err == nil {
			ready.close() // otherwise the error itself ends the wait
		}
		return err
	})
	group.Go(func() error {
		defer stop()
		endpoint, err := ready.await(ctx)
		if err != nil {
			return err
		}
		to := command.ClientFlags{App: app, Endpoint: endpoint, Auth: string(client.NoCredentials)}
		c, err := to.Client(command.LongPatience, j.meter)
		if err != nil {
			return err
		}
		return work(ctx, c)
	})
	return group.Wait()
}

// errNotVerified says that a fork is not what it should be.
var errNotVerified = errors.New("the fork is not what its events fold to")

// verify folds the fork's log again and compares every row.
func (j *forkJob) verify(ctx context.Context, c *client.Client) error {
	input, err := json.Marshal(verify.Request{Full: true})
	if err != nil {
		return fmt.Errorf("encode verification: %w", err)
	}
	view, err := c.StartVerification(ctx, verifications.Start{Name: "fork", Input: input})
	for err == nil && !view.Status.Ended() {
		j.meter.Show(progress.State{Label: "verifying", Fraction: -1})
		if err = j.flags.App.Sleep(ctx, 100*time.Millisecond); err == nil {
			view, err = c.Verification(ctx, view.ID)
		}
	}
	if err == nil && view.Status != verify.Clean {
		err = fmt.Errorf("%w: verification %s", errNotVerified, strings.ToLower(string(view.Status)))
	}
	return err
}

// compare reads the fork's log and compares its content with that of the export.
func compare(ctx context.Context, c *client.Client, m *archive.Manifest) error {
	cut, err := c.LogCut(ctx)
	if err != nil {
		return err
	}
	var content event.Digest
	var count int64
	for _, l := range cut.Lanes {
		asked := extract.PageRequest{Lane: l.Lane, Cut: l.Position, Taken: cut.Taken}
		for more := l.Position != ""; more; more = asked.After != nil {
			page, err := c.LogPage(ctx, asked)
			if err != nil {
				return err
			}
			for _, b := range page.Buckets {
				for _, placed := range b.Events {
					line, _, _, err := event.SplitPlaced(placed)
					if err != nil {
						return fmt.Errorf("read the fork's log: %w", err)
					}
					content, count = content.Add(event.ContentOf(line)), count+1
				}
			}
			asked.After = page.Next
		}
	}
	if content != m.End.Content || count != m.End.Events {
		return fmt.Errorf("%w: its log has %d events of other content than the export's %d", errNotVerified, count,
			m.End.Events)
	}
	return nil
}

// notes shows what the platform of a fork logs, between the lines of progress. It is safe
// for concurrent use.
type notes struct{ meter *progress.Meter }

// Write implements io.Writer.
func (n notes) Write(b []byte) (int, error) {
	n.meter.Note("%s", strings.TrimRight(string(b), "\n"))
	return len(b), nil
}

// readyLine finds the address in what a platform prints. It is safe for concurrent use.
type readyLine struct {
	mu    sync.Mutex
	text  []byte
	found chan string
}

func newReadyLine() *readyLine { return &readyLine{found: make(chan string, 1)} }

// Write implements io.Writer.
func (r *readyLine) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	const most = 4096
	if len(r.text) > most {
		return len(b), nil
	}
	r.text = append(r.text, b...)
	_, after, found := strings.Cut(string(r.text), "ready ")
	if endpoint, _, whole := strings.Cut(after, "\n"); found && whole {
		select {
		case r.found <- endpoint:
		default:
		}
	}
	return len(b), nil
}

func (r *readyLine) close() { close(r.found) }

// await waits for the address.
func (r *readyLine) await(ctx context.Context) (string, error) {
	select {
	case endpoint, open := <-r.found:
		if !open {
			return "", errors.New("the platform of the fork ended before it was ready")
		}
		return strings.TrimSpace(endpoint), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
