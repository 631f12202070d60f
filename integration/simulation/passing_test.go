package simulation

import (
	"context"
	"errors"

	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
)

// maxFailures is how often a step is retried after an error that is not a store's.
const maxFailures = 20

// passing reports whether an error passes by itself.
func passing(err error) bool {
	for _, known := range []error{errFault, errOver, errThrottled, feed.ErrThrottled, eventlog.ErrThrottled,
		datastore.ErrThrottled, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
