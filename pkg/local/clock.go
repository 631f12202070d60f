package local

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

const (
	// clockAhead is how far the clock may be ahead of the newest record without a
	// warning: a machine may have been off for that long.
	clockAhead = 30 * 24 * time.Hour
	// clockBehind is how far the clock may be behind it.
	clockBehind = 5 * time.Minute
)

// clockWarning says that the clock and the newest record disagree, "" if they do
// not. Times never go back within a lane, so what a wrong clock stores stays.
func clockWarning(now, newest time.Time) string {
	if newest.IsZero() {
		return ""
	}
	const text = "the clock says %s, but the newest record arrived at %s: "
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	switch {
	case now.Sub(newest) > clockAhead:
		return fmt.Sprintf(text+"if the clock is wrong, correct it before sending events, "+
			"because their times can never go back", at(now), at(newest))
	case newest.Sub(now) > clockBehind:
		return fmt.Sprintf(text+"new events get the time of the newest record until the clock has reached it",
			at(now), at(newest))
	}
	return ""
}

// checkClock logs and keeps a warning about the clock.
func (p *Platform) checkClock(ctx context.Context) error {
	p.clockWarning = ""
	streams, err := status{p}.Streams(ctx)
	if err != nil {
		return err
	}
	for _, s := range streams {
		if s.Name != eventStream || s.Newest == nil {
			continue
		}
		if p.clockWarning = clockWarning(time.Now(), *s.Newest); p.clockWarning != "" {
			p.options.Log.LogAttrs(ctx, slog.LevelWarn, p.clockWarning)
		}
	}
	return nil
}
