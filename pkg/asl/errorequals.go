package asl

import (
	"slices"

	"reprise/pkg/asl/states"
)

// catchable are the reserved names that a list of errors may hold.
// DataLimitExceeded and Runtime are not among them: the service never lets
// the latter be caught and does not say whether the former can.
var catchable = []string{
	states.ErrorAll, states.ErrorTaskFailed, states.ErrorTimeout, states.ErrorHeartbeatTimeout,
	states.ErrorQueryEvaluation, states.ErrorThreshold, states.ErrorNoChoiceMatched,
	"States.BranchFailed", "States.ItemReaderFailed", "States.ResultWriterFailed", "States.Permissions",
}

// Matches reports whether ErrorEquals of a Retrier or a Catcher holds for an
// error. Wildcards follow the developer guide: ALL misses DataLimitExceeded and
// Runtime, TaskFailed misses those and States.Timeout, and States.Timeout
// includes a missed heartbeat.
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
