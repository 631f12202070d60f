package eventlog

import (
	"context"
	"time"

	"reprise/pkg/event"
)

// Whoever waits for a head looks again after firstLook, and then each time after
// twice as long, up to lastLook: a look is a read unit, and the pump may take
// some hundred milliseconds.
const (
	firstLook = 10 * time.Millisecond
	lastLook  = 320 * time.Millisecond
)

// Await loads a lane's head until it is far enough or patience ends, and returns
// the last one it saw: the caller judges. pause waits, or returns the context's
// error if that ends before.
func (h Heads) Await(ctx context.Context, lane event.Lane, enough func(Head) bool, patience time.Duration,
	pause func(context.Context, time.Duration) error,
) (Head, error) {
	wait, waited := firstLook, time.Duration(0)
	for {
		head, err := h.Load(ctx, lane)
		if err != nil || enough(head) || waited >= patience {
			return head, err
		}
		if err := pause(ctx, wait); err != nil {
			return head, err
		}
		waited += wait
		wait = min(2*wait, lastLook)
	}
}
