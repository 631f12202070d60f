package cli

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/replay"
)

const playbackTailHelp = `
Prints what replays deliver, a JSON line for each event: {"replay","lane",
"ordinal","event"}. It begins with the oldest record that is kept (an hour of
them), or with --from now, and goes on until SIGINT or SIGTERM, then exits with 0.

Events of one lane come in order. An event may come again: of each replay and lane,
drop what has an ordinal that you have seen.

It reads the playback stream of a platform on one machine. On AWS, subscribe to the
Kinesis stream PREFIX-playback; pkg/event/record/FORMAT.md describes its records, and
pkg/event/record/example_test.go is a subscriber.

Examples:
  reprise playback tail --replay nightly | jq -c .event
  reprise playback tail --from now
`

// pollPlayback is how often the stream is read once there are no more events.
const pollPlayback = 200 * time.Millisecond

type playbackTailFlags struct {
	*command.ClientFlags
	replay, from string
}

func playbackTailCommand() command.Command {
	return command.Command{
		Name:    "playback tail",
		Summary: "print what replays deliver, as it comes",
		Help:    playbackTailHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &playbackTailFlags{ClientFlags: a.ClientFlags(fs)}
			fs.StringVar(&f.replay, "replay", "", "`ID` of a replay; only its events are printed")
			fs.StringVar(&f.from, "from", "start", "`WHERE` to begin: start (what is kept) or now")
			return func(ctx context.Context, _ string) error { return f.run(ctx) }
		},
	}
}

func (f *playbackTailFlags) run(ctx context.Context) error {
	if f.from != "start" && f.from != "now" {
		return command.Misuse("--from must be start or now, not %q", f.from)
	}
	if err := replay.CheckID(f.replay); f.replay != "" && err != nil {
		return command.Misuse("--replay %q is not a replay id", f.replay)
	}
	meter := progress.New(f.App.Stderr, f.App.Now)
	defer meter.Done()
	c, err := f.Client(command.LongPatience, meter)
	if err != nil {
		return err
	}
	t := &tail{
		playbackTailFlags: f,
		client:            c,
		meter:             meter,
		out:               bufio.NewWriter(f.App.Stdout),
		after:             []string{""},
	}
	err = t.run(ctx)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	if problem, ok := errors.AsType[*web.Problem](err); ok && problem.Status == http.StatusNotFound {
		return command.Hint(err, "only a platform on one machine serves its playback stream; on AWS, subscribe to the "+
			"Kinesis stream PREFIX-playback as pkg/event/record/FORMAT.md describes")
	}
	return err
}

// tail prints all shards of the playback stream, one page at a time.
type tail struct {
	*playbackTailFlags
	client *client.Client
	meter  *progress.Meter
	out    *bufio.Writer
	// after is the place in each shard, "" before the first page.
	after []string
}

// run prints until ctx ends.
func (t *tail) run(ctx context.Context) error {
	for {
		records := 0
		for shard := 0; shard < len(t.after); shard++ {
			n, err := t.page(ctx, shard)
			if err != nil {
				return err
			}
			records += n
		}
		if records > 0 {
			continue
		}
		if err := t.App.Sleep(ctx, pollPlayback); err != nil {
			return err
		}
	}
}

// page prints the next page of a shard, and returns the number of its records.
func (t *tail) page(ctx context.Context, shard int) (int, error) {
	page, err := t.client.Playback(ctx, shard, t.replay, t.after[shard], t.from == "now")
	if err != nil {
		return 0, err
	}
	for len(t.after) < page.Shards {
		t.after = append(t.after, "")
	}
	t.after[shard] = page.Next
	if page.Damaged > 0 {
		t.meter.Note("%d records of the playback stream cannot be read; the platform reads their events again", page.Damaged)
	}
	encoder := command.NewEncoder(t.out)
	for _, e := range page.Events {
		if err := encoder.Encode(e); err != nil {
			return 0, fmt.Errorf("print result: %w", err)
		}
	}
	return page.Records, command.Flush(t.out)
}
