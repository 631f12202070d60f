package asl

import (
	"slices"

	"reprise/pkg/asl/states"
)

// catchable are the reserved names that ErrorEquals may contain. Runtime is
// missing because the service never lets it be caught, DataLimitExceeded
// because the service does not document whether it can be.
var catchable = []string{
	states.ErrorAll, states.ErrorTaskFailed, states.ErrorTimeout, states.ErrorHeartbeatTimeout,
	states.ErrorQueryEvaluation, states.ErrorThreshold, states.ErrorNoChoiceMatched,
	"States.BranchFailed", "States.ItemReaderFailed", "States.ResultWriterFailed", "States.Permissions",
}

// Matches reports whether ErrorEquals of a Retrier or a Catcher matches an
// error. Wildcards follow the developer guide: States.ALL excludes
// DataLimitExceeded and Runtime, States.TaskFailed excludes those and
// States.Timeout, and States.Timeout includes a missed heartbeat.
func Matches(names []string, reported string) bool {
	if reported == states.ErrorDataLimit || reported == states.ErrorRuntime {
		return false
	}
	return slices.ContainsFunc(names, func(name string) bool {
		switch name {
		case states.ErrorAll, reported:
			return true
		case states.ErrorTaskFailed:
			return reported != states.ErrorTimeout
		case states.ErrorTimeout:
			return reported == states.ErrorHeartbeatTimeout
		}
		return false
	})
}
