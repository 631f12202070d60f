package polling

import (
	"context"
	"time"
)

// Interval is the time between two looks: First after the first look, and then twice
// as long each time, up to Most. If First is 0, it is always Most.
type Interval struct{ First, Most time.Duration }

// Waiter waits between the looks of one caller. It is not safe for concurrent use.
type Waiter struct {
	interval Interval
	sleep    func(ctx context.Context, d time.Duration) error
	next     time.Duration
}

// Waiter returns a Waiter that has not waited yet.
func (i Interval) Waiter(sleep func(ctx context.Context, d time.Duration) error) *Waiter {
	first := i.First
	if first <= 0 {
		first = i.Most
	}
	return &Waiter{interval: i, sleep: sleep, next: first}
}

// Wait waits until the next look, or for the end of ctx, whose error it returns.
func (w *Waiter) Wait(ctx context.Context) error {
	now := min(w.next, w.interval.Most)
	w.next = 2 * now
	return w.sleep(ctx, now)
}
