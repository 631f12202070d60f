package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/cli/send"
)

const sendHelp = `
Sends CloudEvents, one JSON object a line, as they stand in FILE or, for "-",
in the standard input; plain, gzip or zstd. Blank lines are skipped. Events of
one entity (the CloudEvents subject) arrive in the order of the text.

A file is checked as a whole first: where a line is no acceptable event, it is
named and nothing is sent. Of the standard input everything before such a line
is sent, and no line waits longer than 200 ms for others. What the server cannot
take at present (429, 5xx, no connection) is sent again for a minute, unless every
connection so far was refused. Sending a file twice is safe: an event of the same
source and id is recorded, and never applied again.

The first SIGINT or SIGTERM ends the input: what was read is sent, for at most 2 s,
and the result says what was accepted ("acceptedThrough": every line up to this one).
The exit code is then 1, since the input was not read to its end.

Examples:
  reprise send events.jsonl --wait
  zcat old.gz | reprise send -
  reprise send history.jsonl.zst --keep-time --wait   import a log of past years
`

// sendFlags are those of reprise send.
type sendFlags struct {
	*command.ClientFlags
	wait, keepTime       bool
	react                bool
	timeout              time.Duration
	senders, batchEvents int
}

// sent is the result of reprise send.
type sent struct {
	send.Result
	// Applied says that --wait saw every event applied to the active generation,
	// except those that no projection handles.
	Applied bool `json:"applied,omitempty"`
	effects
}

func sendCommand() command.Command {
	return command.Command{
		Name:    "send",
		Arg:     "FILE|-",
		Summary: "send events, one JSON object a line",
		Help:    sendHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &sendFlags{ClientFlags: a.ClientFlags(fs)}
			fs.BoolVar(&f.wait, "wait", false, "wait until all of it is in the log and applied to the active generation")
			fs.BoolVar(&f.keepTime, "keep-time", false, "import: each event's own time counts as its arrival")
			fs.BoolVar(&f.react, "react", false,
				"with --keep-time: let business logic react to the events, and call external\nsystems")
			fs.DurationVar(&f.timeout, "timeout", 10*time.Minute, "how long --wait waits, a `TIME` such as 90s")
			fs.IntVar(&f.senders, "senders", send.DefaultSenders, "`NUMBER` of requests at a time, a power of two")
			fs.IntVar(&f.batchEvents, "batch", send.DefaultBatchEvents, "`NUMBER` of events a request has at most")
			return f.run
		},
	}
}

func (f *sendFlags) run(ctx context.Context, name string) error {
	switch {
	case f.timeout <= 0:
		return command.Misuse("--timeout must be more than 0")
	case f.batchEvents < 1:
		return command.Misuse("--batch must be at least 1")
	case f.senders < 1 || f.senders > send.MaxSenders || f.senders&(f.senders-1) != 0:
		return command.Misuse("--senders must be a power of two from 1 to %d", send.MaxSenders)
	}
	meter := progress.New(f.App.Stderr, f.App.Now)
	defer meter.Done()
	c, err := f.Client(command.LongPatience, meter)
	if err != nil {
		return err
	}
	c.React = f.react
	in, size, err := f.input(ctx, name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	total := int64(0)
	if size > 0 {
		if total, err = f.check(ctx, in, size, meter); err != nil {
			return err
		}
	}
	before, err := f.before(ctx, c)
	if err != nil {
		return f.explain(send.Result{Unsent: 1}, err)
	}
	show := newSendProgress(meter, total, f.App.Now)
	result, err := send.Send(ctx, in, send.Options{
		To:          c,
		KeepTime:    f.keepTime,
		Senders:     f.sendersFor(ctx, c),
		BatchEvents: f.batchEvents,
		Live:        size == 0,
		Now:         f.App.Now,
		Sent:        show.add,
	})
	var seen effects
	if err == nil && f.wait {
		if err = f.await(ctx, result.Reached, meter); err == nil {
			seen, err = effectsSince(ctx, c, before, result.Reached)
		}
	}
	meter.Done()
	seen.warn(f.App.Stderr)
	f.warnOfMoved(result.Moved)
	printed := command.PrintJSON(f.App.Stdout, sent{result, f.wait && err == nil && seen.applied(), seen})
	return errors.Join(f.explain(result, err), printed)
}

func (f *sendFlags) warnOfMoved(events int64) {
	if events > 0 {
		_, _ = fmt.Fprintf(f.App.Stderr, "warning: %d events lie in a later time range of the log than their own times, "+
			"because their lanes already had later events: replays select them by that range\n", events)
	}
}

// sendersFor gives every lane of an import to one sender. Logged times never go
// back within a lane, so events of one lane that two senders send would be logged
// in buckets later than their own times. Both divisions are powers of two of one
// hash. Without a word from the platform there is one sender.
func (f *sendFlags) sendersFor(ctx context.Context, c *client.Client) int {
	if !f.keepTime {
		return f.senders
	}
	view, err := c.Lanes(ctx)
	if err != nil {
		return 1
	}
	return max(1, min(f.senders, len(view.Lanes)))
}

// input opens FILE. size is 0 where it is unknown, as for a pipe.
func (f *sendFlags) input(ctx context.Context, name string) (in io.ReadCloser, size int64, err error) {
	if name == "-" {
		return io.NopCloser(f.App.Stdin), 0, nil
	}
	file, err := f.open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, command.Misuse("there is no file %s", name)
	}
	if errors.Is(err, context.Canceled) {
		return nil, 0, err
	}
	if err != nil {
		return nil, 0, command.Hint(err, "give a readable file of CloudEvents, one JSON object per line")
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = command.Misuse("%s is a directory, not a file", name)
	}
	if err != nil {
		_ = file.Close()
		return nil, 0, err
	}
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	return file, size, nil
}

// open opens a file. A named pipe may keep it waiting for a writer, until ctx ends.
func (f *sendFlags) open(ctx context.Context, name string) (file *os.File, err error) {
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		file, err = f.App.Open(name)
	}()
	select {
	case <-opened:
		return file, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// check reads the whole file before anything is sent, rewinds it, and returns the
// number of events.
func (f *sendFlags) check(ctx context.Context, in io.Reader, size int64, meter *progress.Meter) (int64, error) {
	counter := send.NewCounter(in)
	stop := f.every(func() {
		meter.Show(progress.State{Label: "checking", Fraction: float64(counter.Bytes()) / float64(size)})
	})
	count, refused, err := send.Check(ctx, counter, f.keepTime, f.App.Now())
	stop()
	meter.Done()
	if err != nil {
		return 0, command.Hint(err, "nothing was sent: check that the file is complete and has one CloudEvent per line")
	}
	if len(refused) > 0 {
		printed := command.PrintJSON(f.App.Stdout, sent{Result: send.Result{Lines: count, Refused: refused, Unsent: 1}})
		return 0, errors.Join(refusedError(refused), printed)
	}
	if _, err := in.(io.Seeker).Seek(0, io.SeekStart); err != nil {
		return 0, fmt.Errorf("rewind file: %w", err)
	}
	return count, nil
}

func refusedError(refused []send.Refusal) error {
	text := ""
	for _, r := range refused {
		text += "\n  " + r.String()
	}
	if len(refused) == send.MaxRefusals {
		text += "\n  (there may be more)"
	}
	err := fmt.Errorf("nothing was sent; these lines are not acceptable:%s", text)
	return command.Hint(err, "fix these lines and send the file again")
}

// explain says why sending ended early, and what to do.
func (f *sendFlags) explain(result send.Result, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return command.Hint(errors.New(interrupted(result)),
			"send the same input again to send the rest: accepted events are never applied twice")
	case len(result.Refused) > 0:
		text := ""
		for _, r := range result.Refused {
			text += "\n  " + r.String()
		}
		return command.Hint(fmt.Errorf("%d events were accepted; refused:%s", result.Accepted, text),
			"fix the line and send everything again: accepted events are never applied twice")
	case result.Unsent > 0:
		return command.Hint(fmt.Errorf("%d events were accepted; line %d is the first that may not have been: %w",
			result.Accepted, result.Unsent, err),
			"%s; then send the same input again: accepted events are never applied twice",
			cmp.Or(command.HintFor("send", err), "reprise status shows whether the platform answers"))
	}
	return err
}

// interrupted says what a signal left sent and unsent.
func interrupted(r send.Result) string {
	text := fmt.Sprintf("interrupted: %d events were accepted", r.Accepted)
	if r.Through > 0 {
		text += fmt.Sprintf(", every line up to line %d among them", r.Through)
	}
	if r.Unsent > 0 {
		return text + fmt.Sprintf("; line %d is the first that may not have been", r.Unsent)
	}
	return text + "; nothing that was read is unsent"
}

// every calls show every 200 ms from another goroutine, until stop.
func (f *sendFlags) every(show func()) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for f.App.Sleep(ctx, 200*time.Millisecond) == nil {
			show()
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
