package asl

import "slices"

// Names of errors that the engine itself reports, as the service does.
const (
	ErrorAll              = "States.ALL"
	ErrorTaskFailed       = "States.TaskFailed"
	ErrorTimeout          = "States.Timeout"
	ErrorHeartbeatTimeout = "States.HeartbeatTimeout"
	ErrorQueryEvaluation  = "States.QueryEvaluationError"
	ErrorDataLimit        = "States.DataLimitExceeded"
	ErrorRuntime          = "States.Runtime"
	ErrorNoChoiceMatched  = "States.NoChoiceMatched"
	ErrorThreshold        = "States.ExceedToleratedFailureThreshold"
	ErrorLambdaUnknown    = "Lambda.Unknown"
)

// catchable are the reserved names that a list of errors may hold.
// DataLimitExceeded and Runtime are not among them: the service never lets
// the latter be caught and does not say whether the former can.
var catchable = []string{
	ErrorAll, ErrorTaskFailed, ErrorTimeout, ErrorHeartbeatTimeout, ErrorQueryEvaluation, ErrorThreshold,
	"States.BranchFailed", "States.ItemReaderFailed", "States.ResultWriterFailed", "States.Permissions",
	"States.NoChoiceMatched",
}

// matches reports whether a list of error names catches an error. Wildcards
// follow the developer guide: ALL misses DataLimitExceeded and Runtime,
// TaskFailed misses those and States.Timeout, and States.Timeout includes a
// missed heartbeat.
func matches(names []string, reported string) bool {
	if reported == ErrorDataLimit || reported == ErrorRuntime {
		return false
	}
	return slices.ContainsFunc(names, func(name string) bool {
		switch name {
		case ErrorAll, reported:
			return true
		case ErrorTaskFailed:
			return reported != ErrorTimeout
		case ErrorTimeout:
			return reported == ErrorHeartbeatTimeout
		}
		return false
	})
}
