package replays

import (
	"context"
	"fmt"
	"strings"
	"time"

	"reprise/pkg/cli/board"
	"reprise/pkg/cli/progress"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

const (
	// soon is how often Watch asks for the replay in its first while, as long as most
	// replays of a developer take; pollReplay how often it asks after that.
	soon       = 250 * time.Millisecond
	firstWhile = 5 * time.Second
	pollReplay = time.Second
	// pollProgress is how often Watch asks for the progress by lane group.
	pollProgress = time.Second
)

// replayGetter is what a Watcher needs of a client, whose retries outlast a
// restart of the server.
type replayGetter interface {
	Replay(ctx context.Context, id string) (lifecycle.View, error)
	ReplayProgress(ctx context.Context, id string) (lifecycle.Detail, error)
}

// Watcher shows a replay until it ends.
type Watcher struct {
	Client replayGetter
	Meter  *progress.Meter
	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) error
	// Each, if set, is given every progress document instead of the meter.
	Each func(lifecycle.Detail) error

	steady board.Steady
	detail lifecycle.Detail
	asked  time.Time
}

// Watch returns the replay once it has ended, successfully or not.
func (w *Watcher) Watch(ctx context.Context, id string) (lifecycle.View, error) {
	for slept := time.Duration(0); ; {
		view, err := w.Client.Replay(ctx, id)
		if err != nil {
			return lifecycle.View{}, err
		}
		ended := view.Status.Ended()
		if !ended || !w.asked.IsZero() && w.Each != nil { // the last document has the final numbers
			if err := w.show(ctx, view); err != nil {
				return lifecycle.View{}, err
			}
		}
		if ended {
			return view, nil
		}
		next := soon
		if slept >= firstWhile {
			next = pollReplay
		}
		slept += next
		if err := w.Sleep(ctx, next); err != nil {
			return lifecycle.View{}, err
		}
	}
}

// show shows the progress by lane group, which is asked for less often than whether the
// replay has ended.
func (w *Watcher) show(ctx context.Context, view lifecycle.View) error {
	now := w.Now()
	if w.asked.IsZero() || now.Sub(w.asked) >= pollProgress || view.Status.Ended() {
		detail, err := w.Client.ReplayProgress(ctx, view.ID)
		if err != nil {
			return err
		}
		w.steady.Keep(&detail)
		w.detail, w.asked = detail, now
		if w.Each != nil {
			return w.Each(detail)
		}
	}
	if w.Each != nil {
		return nil
	}
	w.draw(view, now)
	return nil
}

// draw shows the progress: on a terminal as a board, elsewhere as a line.
func (w *Watcher) draw(view lifecycle.View, now time.Time) {
	d, head := &w.detail, progress.State{Label: Phase(view), Fraction: -1}
	if d.Percent != nil && view.Phase != replay.Planned {
		head.Fraction = *d.Percent / 100
	}
	height := w.Meter.Height()
	switch {
	case d.At.IsZero(): // no progress by lane group was given
		head.Fraction, head.Detail = Fraction(view), Detail(view, 0, now)
		w.Meter.Show(head)
	case height == 0:
		head.Detail = board.Head(d, reason(view, now)) + ", " + board.Counts(&d.Counts, d.Total)
		w.Meter.Show(head)
	default:
		head.Detail = board.Head(d, reason(view, now))
		w.Meter.Board(head, append([]string{board.Counts(&d.Counts, d.Total)}, board.Groups(d, height-2)...))
	}
}

// reason says what a replay waits for, or why it is slow, and what went wrong so far.
func reason(view lifecycle.View, now time.Time) string {
	var parts []string
	if view.Status == replay.ShownAsking {
		parts = append(parts, askingText(view))
	}
	if view.Waiting != nil {
		parts = append(parts, WaitingText(view.Waiting, now))
	}
	if p := view.Pace; p != nil && p.Rate > 0 {
		text := PaceText(p)
		if p.Since != nil && p.Reason != "" {
			text += " for " + progress.Duration(now.Sub(*p.Since))
		}
		parts = append(parts, text)
	}
	if view.Plan.Passes > 0 {
		parts = append(parts, fmt.Sprintf("read again %d times", view.Plan.Passes))
	}
	if view.Plan.CatchUps > 0 {
		parts = append(parts, fmt.Sprintf("catching up, pass %d", view.Plan.CatchUps+1))
	}
	if view.Damaged > 0 {
		parts = append(parts, progress.Count(int64(view.Damaged))+" damaged records dropped")
	}
	return strings.Join(parts, ", ")
}

// Fraction is how much of a replay is done, from 0 to 1; negative while unknown.
func Fraction(view lifecycle.View) float64 {
	p := view.Progress
	if view.Phase == replay.Planned || p.Total == 0 {
		return -1
	}
	return lifecycle.Done(p.Total, p.Read, p.Delivered, p.Consumed)
}

// Phase says what a replay is doing.
func Phase(view lifecycle.View) string {
	switch {
	case view.Status == replay.ShownPaused:
		return "paused"
	case view.Status == replay.ShownAsking:
		return "awaiting approval"
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
	if view.PausedBy != nil {
		text = pausedText(view.ID, view.PausedBy, view.Budget) + ", "
	}
	if view.Status == replay.ShownAsking {
		text = askingText(view) + ", "
	}
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
	if p := view.Pace; p != nil && p.Rate > 0 {
		text += ", " + PaceText(p)
	}
	if view.Plan.Passes > 0 {
		text += fmt.Sprintf(", read again %d times", view.Plan.Passes)
	}
	if view.Damaged > 0 {
		text += fmt.Sprintf(", %s damaged records dropped", progress.Count(int64(view.Damaged)))
	}
	return text
}
