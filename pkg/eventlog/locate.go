package eventlog

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/event"
)

// Locate returns the bucket in which the log has an event that a head covers,
// and false where it has not: the event came late. The bucket is the one whose
// manifest spans the event's position.
func (h Heads) Locate(ctx context.Context, log Log, width Width, lane event.Lane, head Head, a *Arrived) (Bucket, bool, error) {
	var home Bucket
	done := errors.New("done")
	// No event is logged before it arrived.
	err := h.Manifests(ctx, lane, head, width.Of(a.Arrival), "", func(b Bucket, m Manifest) error {
		if m.Last < a.Position {
			return nil
		}
		if m.First <= a.Position {
			home = b
		}
		return done
	})
	if err != nil && !errors.Is(err, done) {
		return "", false, err
	}
	if home == "" {
		return "", false, nil
	}
	found, err := log.Has(ctx, lane, home, a.Event.Subject, a.Position)
	if err != nil {
		return "", false, fmt.Errorf("look up event at %s: %w", a.Position, err)
	}
	return home, found, nil
}
