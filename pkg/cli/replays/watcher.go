package replays

import (
	"context"
	"fmt"
	"time"

	"reprise/pkg/cli/progress"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// pollReplay is how often Watch asks for the replay.
const pollReplay = 250 * time.Millisecond

// replayGetter is what a Watcher needs of a client, whose retries outlast a
// restart of the server.
type replayGetter interface {
	Replay(ctx context.Context, id string) (lifecycle.View, error)
}

// Watcher shows a replay until it ends.
type Watcher struct {
	Client replayGetter
	Meter  *progress.Meter
	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) error
}

// Watch returns the replay once it has ended, successfully or not.
func (w *Watcher) Watch(ctx context.Context, id string) (lifecycle.View, error) {
	var done, speed progress.Rate
	for {
		view, err := w.Client.Replay(ctx, id)
		if err != nil {
			return lifecycle.View{}, err
		}
		if view.Status.Ended() {
			return view, nil
		}
		now, fraction := w.Now(), Fraction(view)
		done.Add(now, fraction)
		speed.Add(now, float64(view.Progress.Consumed))
		w.Meter.Show(progress.State{Label: Phase(view), Fraction: fraction, Detail: Detail(view, speed.PerSecond(), now),
			Left: done.Left(1)})
		if err := w.Sleep(ctx, pollReplay); err != nil {
			return lifecycle.View{}, err
		}
	}
}

// Fraction is how much of a replay is done, from 0 to 1; negative while unknown.
// Reading counts half, consuming the other half.
func Fraction(view lifecycle.View) float64 {
	p := view.Progress
	if view.Phase == replay.Planned || p.Total == 0 {
		return -1
	}
	read := min(float64(p.Read)/float64(p.Total), 1)
	if p.Delivered == 0 {
		return read / 2
	}
	// Events that are filtered out are never consumed, so the share of consumed
	// events is one of those delivered so far.
	return read/2 + read*min(float64(p.Consumed)/float64(p.Delivered), 1)/2
}

// Phase says what a replay is doing.
func Phase(view lifecycle.View) string {
	switch {
	case view.Waiting != nil:
		return "waiting"
	case view.Phase == replay.Planned:
		return "planning"
	case view.Proof != nil && view.Input.Promote:
		return "promoting"
	case view.Proof != nil:
		return "finishing"
	case view.Phase == replay.Draining:
		return "draining"
	}
	return "replaying"
}

// Detail lists counts and rates. What a replay waits for comes first, since a
// terminal may be too narrow for everything.
func Detail(view lifecycle.View, perSecond float64, now time.Time) string {
	p := view.Progress
	text := ""
	if view.Waiting != nil {
		text = WaitingText(view.Waiting, now) + ", "
	}
	text += "read " + progress.Count(p.Read)
	if p.Total > 0 {
		text += " of " + progress.Count(p.Total)
	}
	text += fmt.Sprintf(", delivered %s, consumed %s", progress.Count(p.Delivered), progress.Count(p.Consumed))
	if perSecond > 0 {
		text += ", " + progress.Count(int64(perSecond)) + "/s"
	}
	if view.Plan.Passes > 0 {
		text += fmt.Sprintf(", read again %d times", view.Plan.Passes)
	}
	if view.Damaged > 0 {
		text += fmt.Sprintf(", %s damaged records dropped", progress.Count(int64(view.Damaged)))
	}
	return text
}
