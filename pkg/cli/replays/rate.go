package replays

import (
	"context"
	"flag"
	"fmt"
	"strconv"

	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/pace"
	"reprise/pkg/replay/request"
)

const setRateHelp = `
Sets the limit of a replay while it runs, in events per second of all its readers
together; 0 is no limit. It takes effect within seconds, also for a paused replay
once it goes on. While live events wait, or a store refuses requests, the replay
may be slower by itself.

Examples:
  reprise replay set-rate 20260301-093000-1a2b3c4d 5000
  reprise replay set-rate 20260301-093000-1a2b3c4d 0
`

func setRateCommand() command.Command {
	return command.Command{
		Name:    "replay set-rate",
		Arg:     "ID",
		Value:   "N",
		Summary: "limit a replay's events per second",
		Help:    setRateHelp,
		Check:   checkID,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			return func(ctx context.Context, id string) error { return setRate(ctx, f, id) }
		},
	}
}

func setRate(ctx context.Context, f *command.ClientFlags, id string) error {
	rate, err := strconv.Atoi(f.App.Value())
	if err != nil || rate < 0 || rate > request.MaxRate {
		return command.Misuse("N must be a whole number from 0, which is no limit, to %d", request.MaxRate)
	}
	set := func(ctx context.Context, c *client.Client) (lifecycle.View, error) {
		return c.SetReplayRate(ctx, id, rate)
	}
	return ask(ctx, f, id, set, func(view lifecycle.View) error {
		return command.Say(f.App.Stdout, "replay %s: %s", view.ID, PaceText(view.Pace))
	})
}

// PaceText says how fast a replay may be, and why it is not as fast as was asked for.
func PaceText(p *lifecycle.Pace) string {
	if p == nil || (p.Limit == 0 && p.Rate == 0) {
		return "no limit"
	}
	text := "at most " + progress.Count(int64(p.Rate)) + "/s"
	switch p.Reason {
	case pace.Throttled:
		text += ", as a store refuses requests"
	case pace.LiveLag:
		text += ", as live events wait"
	case pace.ConsumerLag:
		text += ", as its consumer is behind"
	}
	return text
}

const setParallelismHelp = `
Sets how many segment readers of a replay run at a time. It takes effect at once,
also for a paused replay once it goes on, and for a failed one that is continued
later. With fewer readers, those at work end what they have begun and are not
followed by others. A reader works through one lane group, and the plan fixes the
number of groups (twice the parallelism that the replay was started with, or one
for each lane): more readers than groups make no difference.

Examples:
  reprise replay set-parallelism 20260301-093000-1a2b3c4d 32
  reprise replay set-parallelism 20260301-093000-1a2b3c4d 1
`

func setParallelismCommand() command.Command {
	return command.Command{
		Name:    "replay set-parallelism",
		Arg:     "ID",
		Value:   "N",
		Summary: "set how many readers of a replay run at a time",
		Help:    setParallelismHelp,
		Check:   checkID,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			return func(ctx context.Context, id string) error { return setParallelism(ctx, f, id) }
		},
	}
}

func setParallelism(ctx context.Context, f *command.ClientFlags, id string) error {
	n, err := strconv.Atoi(f.App.Value())
	if err != nil || n < 1 || n > request.MaxParallelism {
		return command.Misuse("N must be a whole number from 1 to %d", request.MaxParallelism)
	}
	set := func(ctx context.Context, c *client.Client) (lifecycle.View, error) {
		return c.SetReplayParallelism(ctx, id, n)
	}
	return ask(ctx, f, id, set, func(view lifecycle.View) error {
		return command.Say(f.App.Stdout, "replay %s: readers: %s", view.ID,
			parallelismText(view.Plan.Parallelism, view.Plan.Readers))
	})
}

// parallelismText says how many readers may run at a time, and how many of them can.
func parallelismText(parallelism, readers int) string {
	text := fmt.Sprintf("%d at a time", parallelism)
	if readers > 0 && readers < parallelism {
		text += fmt.Sprintf(", of which its lane groups and the platform allow %d", readers)
	}
	return text
}
