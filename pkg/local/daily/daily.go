package daily

import (
	"context"
	"fmt"
	"time"
)

// Starter starts something at the same time of every day.
type Starter struct {
	// At is that time.
	At Time
	// Now is in the time zone of At.
	Now func() time.Time
	// Sleep waits, or returns the context's error if that ends first.
	Sleep func(ctx context.Context, d time.Duration) error
	// Start is given the time at which it was due.
	Start func(ctx context.Context, due time.Time)
}

// Time is a time of day on the clock of this machine.
type Time struct{ Hour, Minute int }

// Parse reads a time of day such as 03:00.
func Parse(text string) (Time, error) {
	at, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return Time{}, fmt.Errorf("%q is no time of day such as 03:00", text)
	}
	return Time{at.Hour(), at.Minute()}, nil
}

// after is the first such time after now. A time that a change of the clock leaves out
// is taken to be as long after midnight.
func (d Time) after(now time.Time) time.Time {
	next := time.Date(now.Year(), now.Month(), now.Day(), d.Hour, d.Minute, 0, 0, now.Location())
	if !next.After(now) {
		next = time.Date(now.Year(), now.Month(), now.Day()+1, d.Hour, d.Minute, 0, 0, now.Location())
	}
	return next
}

// longestSleep is how long a Starter sleeps at most, so that a clock that is set, or a
// machine that was suspended, delays it by no more.
const longestSleep = time.Minute

// Run starts what is to be started until ctx ends. A day on which nothing runs is left
// out, and so are days that passed while the machine was suspended, but for the last.
func (n *Starter) Run(ctx context.Context) {
	for next := n.At.after(n.Now()); ; {
		now := n.Now()
		if !now.Before(next) {
			n.Start(ctx, next)
			next = n.At.after(now)
		}
		if n.Sleep(ctx, min(next.Sub(now), longestSleep)) != nil {
			return
		}
	}
}
