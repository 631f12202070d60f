package simulation

import (
	"context"
	"errors"

	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/lifecycle"
)

// step calls a function until it returns without an error that a retry can
// help. It reports false once the machine is stopped or the schedule over.
func step[T any](m *machine, name string, do task[T]) (T, error, bool) {
	for failures := 0; ; {
		result, err, alive := run(m.driver, name, stepTimeout, do)
		if !alive || m.stopped {
			return result, err, false
		}
		if err != nil && !passing(err) {
			failures++
		}
		if err == nil || final(err) || failures > maxFailures {
			return result, err, true
		}
		if m.driver.pause(m.driver.ctx, 50+m.driver.random.Int64N(1_000)) != nil {
			return result, err, false
		}
	}
}

// maxFailures is how often a step is tried again after an error that is none of
// a store's.
const maxFailures = 20

// passing reports a fault that only time heals.
func passing(err error) bool {
	for _, known := range []error{errFault, errOver, errThrottled, feed.ErrThrottled, eventlog.ErrThrottled,
		datastore.ErrThrottled, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

func final(err error) bool {
	for _, known := range []error{replay.ErrRequest, replay.ErrNotFound, cutover.ErrNotProved, replay.ErrExists, replay.ErrEnded,
		replay.ErrStalled, cutover.ErrCutTooOld, cutover.ErrParked, replay.ErrOtherVersion, replay.ErrGenerationLost,
		replay.ErrPromoted, datastore.ErrUnknown, datastore.ErrWithdrawn, datastore.ErrLost, eventlog.ErrHeadLost, projection.ErrOtherVersion,
		errIncomplete} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// tell plays the rule on ended executions: the platform is told until it takes
// it.
func (m *machine) tell(status lifecycle.ExecutionStatus, failure *replay.Failure) {
	for failures := 0; ; {
		_, err, alive := run(m.driver, "ended", functionTimeout, act(func(ctx context.Context, a *actor) error {
			return m.world.serviceOf(a).Ended(ctx, m.replay.id, status, failure)
		}))
		if !alive || err == nil || final(err) {
			return
		}
		if !passing(err) {
			failures++
		}
		if failures > maxFailures || m.driver.pause(m.driver.ctx, 500) != nil {
			return
		}
	}
}
